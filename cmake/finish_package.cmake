# Runs when cpack has installed everything and before the package is made of it: what Debian wants
# to be compressed, and nothing that another machine would compress otherwise.
file(GLOB pages "${CPACK_TEMPORARY_DIRECTORY}/usr/share/man/man*/*.[1-8]")
set(texts ${pages}
    "${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/raxauth/changelog"
    "${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/raxauth/changelog.Debian")
foreach(text ${texts})
    execute_process(COMMAND gzip -9nf "${text}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
