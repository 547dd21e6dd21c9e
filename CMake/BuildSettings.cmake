# Language level, warnings, sanitisers: what every target of this project is compiled with.
set(CAPTION_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")
option(CAPTION_FUZZ "Build the fuzz targets with libFuzzer, which needs clang" OFF)
option(CAPTION_SIMD "Build the SIMD kernels (chosen at run time by CPU feature)" ON)
option(CAPTION_EMULATE_AMX "Run the kernels of AMX with tiles in plain C: for tests, on CPUs with AVX-512 and bf16" OFF)
option(CAPTION_OPTIONAL_LIBRARIES "Use the optional libraries that are found" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo" FORCE)
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(caption_settings INTERFACE)
target_include_directories(caption_settings INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(caption_settings INTERFACE _GNU_SOURCE)
target_compile_options(caption_settings INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wpointer-arith
  -Wundef -Wwrite-strings -fno-math-errno -fno-trapping-math -ffp-contract=fast)
if(CAPTION_SANITIZE)
  target_compile_options(caption_settings INTERFACE -fsanitize=${CAPTION_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(caption_settings INTERFACE -fsanitize=${CAPTION_SANITIZE})
endif()
if(CAPTION_FUZZ)
  target_compile_options(caption_settings INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(caption_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

set(CAPTION_X86_SIMD OFF)
if(CAPTION_SIMD AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(CAPTION_X86_SIMD ON)
endif()
