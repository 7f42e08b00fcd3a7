# The Debian package, made by `make deb`. What it depends on is found out from what its files are
# linked to (dpkg-shlibdeps); the Parquet module's Arrow is no package of Debian's, and optional.
install(FILES ${CMAKE_SOURCE_DIR}/packaging/flightkv.service DESTINATION lib/systemd/system)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "flightkv <flightkv@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_SOURCE_DIR}/build)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(TARGET fkv_arrow)
  get_target_property(directories fkv_arrow INTERFACE_LINK_DIRECTORIES)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${directories})
endif()
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Any Arrow Flight client puts a table under a key, and any other gets it back,
whole and typed. The program, the C library with its headers, and a systemd
unit, which isn't enabled by the installation.")
include(CPack)
