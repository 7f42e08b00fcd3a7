# FKV_SANITIZE: a list for -fsanitize=, set by the presets.
set(FKV_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")

add_library(fkv_options INTERFACE)
# gcc takes outputs that are left untouched on failure for uninitialised ones.
target_compile_options(fkv_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
  "$<$<C_COMPILER_ID:GNU>:-Wno-format-truncation;-Wno-maybe-uninitialized>")
target_compile_definitions(fkv_options INTERFACE
  _GNU_SOURCE FKV_VERSION="${PROJECT_VERSION}")
target_include_directories(fkv_options INTERFACE
  ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
if(FKV_SANITIZE)
  target_compile_options(fkv_options INTERFACE
    -fsanitize=${FKV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(fkv_options INTERFACE -fsanitize=${FKV_SANITIZE})
endif()

# libflightkv.so and libflightkv.a are optimized as a whole (docs/design/009-small-calls.md has what
# it brings). The objects hold plain code as well, for all else that they are linked into.
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_BUILD_TYPE STREQUAL Release AND NOT FKV_SANITIZE)
  set(FKV_LTO -flto=auto)
endif()
