add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
                    -Wcast-align -Woverloaded-virtual -Wformat=2 -Werror=switch -Werror=return-type)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Optimised, g++ 12 "finds" null pointers inside the headers of fmt and of the standard library.
    add_compile_options($<$<CONFIG:Debug>:-Wnull-dereference> -Wduplicated-cond -Wlogical-op)
endif()
if(RAXAUTH_WERROR)
    add_compile_options(-Werror)
endif()
