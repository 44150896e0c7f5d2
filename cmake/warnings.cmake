add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
                    -Wcast-align -Woverloaded-virtual -Wformat=2 -Werror=switch -Werror=return-type)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wnull-dereference -Wduplicated-cond -Wlogical-op)
endif()
if(RAXAUTH_WERROR)
    add_compile_options(-Werror)
endif()
