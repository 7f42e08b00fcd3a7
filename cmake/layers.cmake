# fkv_layer(NAME USES layer... PACKAGES pkg-config-module...)
#
# One static library per folder src/NAME, and one unit-test program per folder tests/unit/NAME that
# links that layer alone, so that a call into a layer it may not use fails to link. A layer or a
# test is found by its folder; nothing is registered twice.
find_package(PkgConfig REQUIRED)

function(fkv_layer name)
  cmake_parse_arguments(ARG "" "" "USES;PACKAGES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
  if(NOT sources)
    return()
  endif()
  add_library(fkv_${name} STATIC ${sources})
  target_link_libraries(fkv_${name} PRIVATE fkv_options)
  foreach(used ${ARG_USES})
    target_link_libraries(fkv_${name} PUBLIC fkv_${used})
  endforeach()
  foreach(package ${ARG_PACKAGES})
    if(NOT TARGET PkgConfig::${package})
      pkg_check_modules(${package} REQUIRED IMPORTED_TARGET GLOBAL ${package})
    endif()
    target_link_libraries(fkv_${name} PUBLIC PkgConfig::${package})
  endforeach()
  set_target_properties(fkv_${name} PROPERTIES FKV_PACKAGES "${ARG_PACKAGES}")
  fkv_unit_test(${name})
endfunction()

function(fkv_unit_test name)
  if(NOT FKV_TESTS)
    return()
  endif()
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/test_*.c)
  foreach(test ${tests})
    get_filename_component(stem ${test} NAME_WE)
    string(REPLACE "test_" "unit_${name}_" target ${stem})
    fkv_test(${target} ${test} fkv_${name})
  endforeach()
endfunction()

# One cmocka program: fkv_test(target source libraries...)
function(fkv_test target source)
  if(NOT TARGET PkgConfig::cmocka)
    pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET GLOBAL cmocka)
  endif()
  file(GLOB harness CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/harness/*.c)
  add_executable(${target} ${source})
  if(harness)
    if(NOT TARGET fkv_harness)
      add_library(fkv_harness STATIC ${harness})
      target_link_libraries(fkv_harness PUBLIC fkv_options fkv_base PkgConfig::cmocka)
      target_include_directories(fkv_harness PUBLIC ${CMAKE_SOURCE_DIR}/tests)
    endif()
    target_link_libraries(${target} PRIVATE fkv_harness)
  endif()
  target_link_libraries(${target} PRIVATE fkv_options ${ARGN} PkgConfig::cmocka m)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  add_test(NAME ${target} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  # What runs in several threads, and two whole flows, are run under the thread sanitizer too.
  if(target MATCHES "threads|^flow_(put_get|same_host)$|^unit_(mem|net|store|host|shm)_")
    set_tests_properties(${target} PROPERTIES LABELS tsan)
  endif()
endfunction()

# Generates C from src/LAYER/NAME.proto at build time; the layer's sources include "NAME.pb-c.h".
# The generated code is compiled without our warnings.
function(fkv_protobuf layer proto)
  find_program(PROTOC_C protoc-c REQUIRED)
  get_filename_component(stem ${proto} NAME_WE)
  set(out ${CMAKE_BINARY_DIR}/protobuf)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(
    OUTPUT ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h
    COMMAND ${PROTOC_C} --c_out=${out} --proto_path=${CMAKE_SOURCE_DIR}/src/${layer}
            ${CMAKE_SOURCE_DIR}/src/${layer}/${proto}
    DEPENDS ${CMAKE_SOURCE_DIR}/src/${layer}/${proto}
    VERBATIM)
  target_sources(fkv_${layer} PRIVATE ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h)
  set_source_files_properties(${out}/${stem}.pb-c.c PROPERTIES COMPILE_OPTIONS "-w")
  target_include_directories(fkv_${layer} SYSTEM PRIVATE ${out})
endfunction()
