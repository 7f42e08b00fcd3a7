# The formats module and the programs.
#
# FKV_ARROW_DIR: where Arrow C++ lies when CMake's Arrow and Parquet packages aren't installed, as
# libarrow.so.N and libparquet.so.N beside include/; by default the pyarrow wheel in .venv.
set(FKV_ARROW_DIR "" CACHE PATH "Folder with libarrow.so.N, libparquet.so.N and include/")

# fkv_find_arrow(): makes the target fkv_arrow, or leaves it out. Sets FKV_ARROW_LIBRARY and
# FKV_PARQUET_LIBRARY to the file names by which the libraries are found at run time.
function(fkv_find_arrow)
  find_package(Arrow QUIET)
  find_package(Parquet QUIET)
  if(TARGET Parquet::parquet_shared AND NOT ARROW_VERSION VERSION_LESS 21)
    add_library(fkv_arrow INTERFACE)
    target_link_libraries(fkv_arrow INTERFACE Parquet::parquet_shared Arrow::arrow_shared)
    set(FKV_ARROW_LIBRARY libarrow.so.${ARROW_SO_VERSION} PARENT_SCOPE)
    set(FKV_PARQUET_LIBRARY libparquet.so.${ARROW_SO_VERSION} PARENT_SCOPE)
    return()
  endif()

  set(folder ${FKV_ARROW_DIR})
  if(NOT folder)
    file(GLOB folder ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/pyarrow)
  endif()
  if(NOT folder)
    return()
  endif()
  list(GET folder 0 folder)
  file(GLOB arrow RELATIVE "${folder}" "${folder}/libarrow.so.[0-9]*")
  file(GLOB parquet RELATIVE "${folder}" "${folder}/libparquet.so.[0-9]*")
  if(NOT arrow OR NOT parquet)
    return()
  endif()
  list(GET arrow 0 arrow)
  list(GET parquet 0 parquet)
  add_library(fkv_arrow INTERFACE)
  target_include_directories(fkv_arrow SYSTEM INTERFACE ${folder}/include)
  target_link_directories(fkv_arrow INTERFACE ${folder})
  target_link_libraries(fkv_arrow INTERFACE -l:${parquet} -l:${arrow})
  set(FKV_ARROW_LIBRARY ${arrow} PARENT_SCOPE)
  set(FKV_PARQUET_LIBRARY ${parquet} PARENT_SCOPE)
endfunction()

fkv_layer(formats USES base)
target_link_libraries(fkv_formats PUBLIC ${CMAKE_DL_LIBS})

include(CheckLanguage)
if(NOT CMAKE_CXX_COMPILER)
  unset(CMAKE_CXX_COMPILER CACHE) # it may have been installed since
endif()
check_language(CXX)
if(CMAKE_CXX_COMPILER)
  enable_language(CXX)
  fkv_find_arrow()
endif()
if(TARGET fkv_arrow)
  # Not sanitized: Arrow's own libraries aren't, and containers would be checked halfway.
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/formats/*.cc)
  add_library(flightkv_formats MODULE ${sources})
  set_target_properties(flightkv_formats PROPERTIES
    PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden SKIP_BUILD_RPATH ON INSTALL_RPATH "")
  target_compile_options(flightkv_formats PRIVATE -O2 -g -Wall -Wextra)
  target_include_directories(flightkv_formats PRIVATE
    ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(flightkv_formats PRIVATE fkv_arrow)
  string(REGEX REPLACE "^libarrow\\.so\\.([0-9]+)[0-9][0-9]$" "\\1" major ${FKV_ARROW_LIBRARY})
  target_compile_definitions(fkv_formats PRIVATE
    FKV_ARROW_LIBRARY="${FKV_ARROW_LIBRARY}" FKV_PARQUET_LIBRARY="${FKV_PARQUET_LIBRARY}"
    FKV_ARROW_MAJOR="${major}")
  install(TARGETS flightkv_formats LIBRARY DESTINATION lib/flightkv) # where formats.c looks
else()
  message(STATUS "Parquet module not built: it needs g++ and Arrow C++ (or pyarrow in .venv)")
endif()

# The program: all of src/cli but main.c is a library of its own, for its unit tests.
option(FKV_STATIC_PROGRAM "Put the library into the program: it needs no libflightkv.so" OFF)
if(TARGET flightkv_lib)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/cli/*.c)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/cli/main.c)
  find_package(Threads REQUIRED)
  pkg_check_modules(jansson REQUIRED IMPORTED_TARGET GLOBAL jansson)
  add_library(fkv_cli STATIC ${sources})
  pkg_check_modules(libcrypt REQUIRED IMPORTED_TARGET GLOBAL libcrypt)
  pkg_check_modules(inih REQUIRED IMPORTED_TARGET GLOBAL inih)
  target_link_libraries(fkv_cli PRIVATE
    fkv_options PkgConfig::jansson PkgConfig::libcrypt PkgConfig::inih)
  if(FKV_STATIC_PROGRAM)
    set(library fkv_service fkv_client)
  else()
    set(library flightkv_lib)
  endif()
  target_link_libraries(fkv_cli PUBLIC ${library} fkv_formats fkv_base Threads::Threads m)
  add_executable(flightkv ${CMAKE_SOURCE_DIR}/src/cli/main.c)
  target_link_libraries(flightkv PRIVATE fkv_options fkv_cli)
  fkv_unit_test(cli)
  install(TARGETS flightkv DESTINATION ${CMAKE_INSTALL_BINDIR})

  # The manual page and the shells' completions, as the program itself prints them.
  function(fkv_printed file folder)
    set(path ${CMAKE_BINARY_DIR}/share/${file})
    add_custom_command(OUTPUT ${path}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/share
      COMMAND flightkv ${ARGN} > ${path}
      DEPENDS flightkv VERBATIM)
    add_custom_target(flightkv_printed_${ARGV2}_${ARGV3} ALL DEPENDS ${path})
    install(FILES ${path} DESTINATION ${folder})
  endfunction()
  fkv_printed(flightkv.1 ${CMAKE_INSTALL_MANDIR}/man1 help --man)
  fkv_printed(flightkv ${CMAKE_INSTALL_DATADIR}/bash-completion/completions completion bash)
  fkv_printed(_flightkv ${CMAKE_INSTALL_DATADIR}/zsh/site-functions completion zsh)
  fkv_printed(flightkv.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d completion fish)
endif()

# Where the tests find Arrow C++ when it isn't where users have it.
if(FKV_ARROW_DIR)
  set(FKV_TEST_ENVIRONMENT "FLIGHTKV_ARROW_DIR=${FKV_ARROW_DIR}")
  if(TARGET unit_formats_parquet)
    set_tests_properties(unit_formats_parquet PROPERTIES ENVIRONMENT "${FKV_TEST_ENVIRONMENT}")
  endif()
endif()
