# cpack -G DEB: the same files as `cmake --install`, the user, the state directory and the bus told.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME raxauth)
set(CPACK_PACKAGE_VENDOR "raxauth project")
set(RAXAUTH_PACKAGE_CONTACT "raxauth maintainers <maintainers@raxauth.org>" CACHE STRING
    "Maintainer of the package")
set(CPACK_PACKAGE_CONTACT ${RAXAUTH_PACKAGE_CONTACT})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(RAXAUTH_PACKAGE_RELEASE 1 CACHE STRING "Debian revision of the package: a higher one is an upgrade")
# "~upstream": a package of Debian's own with that revision would be the newer one.
set(CPACK_DEBIAN_PACKAGE_RELEASE ${RAXAUTH_PACKAGE_RELEASE}~upstream)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "dbus, libpam-runtime, systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libpam-systemd, openssh-server")
# The one-line summary is the project's description.
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "A PAM module and a daemon that sign people in to this host with their
Rackspace user name, password and passcode, and remember for the login
session that they did.")
# The date of the sources, so that two builds of them give one package.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} log -1 --format=%cD
    OUTPUT_VARIABLE RAXAUTH_PACKAGE_DATE OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT RAXAUTH_PACKAGE_DATE)
    set(RAXAUTH_PACKAGE_DATE "Thu, 01 Jan 2026 00:00:00 +0000")
endif()
configure_file(packaging/debian/changelog.in ${CMAKE_BINARY_DIR}/changelog.Debian @ONLY)
set(documents ${CMAKE_INSTALL_DATAROOTDIR}/doc/raxauth)
install(FILES packaging/debian/copyright README.md SECURITY.md DESTINATION ${documents})
install(DIRECTORY docs/guide DESTINATION ${documents} OPTIONAL)
install(FILES CHANGELOG.md DESTINATION ${documents} RENAME changelog)
install(FILES ${CMAKE_BINARY_DIR}/changelog.Debian DESTINATION ${documents})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/finish_package.cmake)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/debian/postinst
    ${CMAKE_SOURCE_DIR}/packaging/debian/prerm
    ${CMAKE_SOURCE_DIR}/packaging/debian/postrm
    ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
