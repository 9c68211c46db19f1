# Compiler flags for every target, and the ISA flags that a file's suffix asks for.

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "Sluice is built with clang 19 (see docs/adr/0001-one-compiler.md); found ${CMAKE_CXX_COMPILER_ID}")
endif()

add_compile_options(
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Wthread-safety -Werror
  -ffp-contract=off -fno-math-errno -fvisibility=hidden -fvisibility-inlines-hidden
  -fno-omit-frame-pointer -fdebug-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_link_options(-fuse-ld=lld-19 -Wl,--build-id=sha1)

set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -DSLUICE_DCHECK=1")
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1 -DNDEBUG")

if(SLUICE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()

# Files named *_avx2.cc and *_avx512.cc are the only ones with ISA flags; they include no standard
# containers, because an inline function compiled here could be the copy that the linker keeps.
set(SLUICE_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
set(SLUICE_ISA_FLAGS_avxvnni -mavx2 -mfma -mf16c -mbmi2 -mavxvnni)
set(SLUICE_ISA_FLAGS_avx512
    -mavx2 -mfma -mf16c -mbmi2 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512vbmi
    -mavx512bf16 -mgfni -mprefer-vector-width=512)

function(sluice_isa_flags)
  foreach(file IN LISTS ARGN)
    foreach(isa avx2 avxvnni avx512)
      if(file MATCHES "_${isa}\\.cc$")
        set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${SLUICE_ISA_FLAGS_${isa}}")
      endif()
    endforeach()
  endforeach()
endfunction()
