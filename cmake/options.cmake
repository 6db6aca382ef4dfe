# Warnings, hardening and the target machine: what every layer is compiled with.
add_library(leat_options INTERFACE)
target_compile_options(leat_options INTERFACE
  -Wall -Wextra -Werror -Wno-missing-field-initializers -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -fstack-protector-strong -fno-plt -fno-semantic-interposition)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # Haswell (2013) and newer: simdjson's on-demand parser is chosen at compile time. `leat` checks at start.
  target_compile_options(leat_options INTERFACE -march=x86-64-v3 -fcf-protection)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(leat_options INTERFACE -fpch-preprocess
    # GCC 12 warns wrongly in inlined standard library code at -O2 and above.
    -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-dangling-pointer)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12 hides std::expected from a compiler that has not all of C++20's concepts; clang 16 has what it takes.
  target_compile_options(leat_options INTERFACE -D__cpp_concepts=202002L -Wno-macro-redefined
    -Wno-error) # it only fuzzes: what GCC lets pass must not keep it from that
endif()
if(LEAT_SANITIZE)
  target_compile_options(leat_options INTERFACE -fsanitize=${LEAT_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(leat_options INTERFACE -fsanitize=${LEAT_SANITIZE})
  if(LEAT_SANITIZE MATCHES "address.*undefined" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # As shared libraries each has a log of its own, and UBSan's log_path sets that of AddressSanitizer: UBSan would go on
    # reporting to standard error, where what a test kills or expects to fail is not looked at. Linked in they share one.
    target_link_options(leat_options INTERFACE -static-libasan -static-libubsan)
  endif()
  if(LEAT_SANITIZE MATCHES "thread")
    # Libraries would call our copies of inline functions (std::mutex::unlock), which tell the sanitizer of half of what they do.
    target_link_options(leat_options INTERFACE -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/nothing_exported.map)
  endif()
else()
  target_compile_definitions(leat_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
if(LEAT_FUZZ)
  target_compile_options(leat_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_compile_definitions(leat_options INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(leat_options INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -pie)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
