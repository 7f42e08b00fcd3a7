# libflightkv, shared and static, and what is installed. Both hold all the layers below and show
# only the functions marked FKV_API: the shared one by hidden visibility, the static one because its
# objects are linked into one whose hidden symbols are then made local.
set(FKV_LIBRARY_LAYERS base mem net wire flight exchange host ipc store shm server service client)
set(FKV_LIBRARY_MODULES libuv libnghttp2 libprotobuf-c liblz4 libzstd libxxhash jansson)

foreach(layer ${FKV_LIBRARY_LAYERS})
  if(NOT TARGET fkv_${layer})
    message(STATUS "libflightkv not built: layer ${layer} has no sources")
    return()
  endif()
  list(APPEND objects $<TARGET_OBJECTS:fkv_${layer}>)
  get_target_property(packages fkv_${layer} FKV_PACKAGES)
  list(APPEND modules ${packages})
endforeach()
list(REMOVE_DUPLICATES modules)
list(TRANSFORM modules PREPEND PkgConfig:: OUTPUT_VARIABLE packages)

set(CMAKE_INSTALL_RPATH $ORIGIN/../${CMAKE_INSTALL_LIBDIR}) # the program finds its library

add_library(flightkv_lib SHARED ${objects})
set_target_properties(flightkv_lib PROPERTIES
  OUTPUT_NAME flightkv EXPORT_NAME flightkv
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_include_directories(flightkv_lib INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(flightkv_lib PRIVATE fkv_options ${packages} m)
target_link_options(flightkv_lib PRIVATE ${FKV_LTO})
if(NOT FKV_SANITIZE)
  target_link_options(flightkv_lib PRIVATE -Wl,-z,defs)
endif()

# Optimized as a whole like the shared one, into plain code: its users need not know of -flto.
set(static_library ${CMAKE_BINARY_DIR}/libflightkv.a)
set(combine ${CMAKE_LINKER} -r)
if(FKV_LTO)
  set(combine ${CMAKE_C_COMPILER} -r -nostdlib ${FKV_LTO} -flinker-output=nolto-rel)
endif()
add_custom_command(
  OUTPUT ${static_library}
  COMMAND ${combine} -o flightkv.o ${objects}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden --remove-section=.gnu.lto_* flightkv.o
  COMMAND ${CMAKE_COMMAND} -E rm -f ${static_library}
  COMMAND ${CMAKE_AR} rcs ${static_library} flightkv.o
  COMMAND ${CMAKE_COMMAND} -E rm -f flightkv.o
  DEPENDS ${objects}
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
  COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(flightkv_static ALL DEPENDS ${static_library})
add_library(flightkv_inside INTERFACE) # for what takes the static library in
target_link_libraries(flightkv_inside INTERFACE ${static_library} ${packages} m)
target_include_directories(flightkv_inside INTERFACE ${CMAKE_SOURCE_DIR}/include)

list(JOIN modules " " FKV_REQUIRES_PRIVATE)
file(RELATIVE_PATH FKV_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/flightkv.pc.in ${CMAKE_BINARY_DIR}/flightkv.pc @ONLY)

# find_package(flightkv) gives the target flightkv::flightkv, the shared library.
include(CMakePackageConfigHelpers)
set(FKV_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/flightkv)
write_basic_package_version_file(flightkvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(TARGETS flightkv_lib EXPORT flightkvTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT flightkvTargets NAMESPACE flightkv:: DESTINATION ${FKV_CMAKE_DIR})
install(FILES ${CMAKE_SOURCE_DIR}/cmake/flightkvConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/flightkvConfigVersion.cmake
        DESTINATION ${FKV_CMAKE_DIR})
install(FILES ${static_library} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/flightkv DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN *.h)
install(FILES ${CMAKE_BINARY_DIR}/flightkv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The examples, built here against the shared library; tests/package builds them as a stranger does.
foreach(example client server)
  add_executable(example_${example} ${CMAKE_SOURCE_DIR}/examples/${example}.c)
  target_link_libraries(example_${example} PRIVATE fkv_options flightkv_lib)
endforeach()
