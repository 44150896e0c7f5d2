# cpack -G DEB: the same files as `cmake --install`, the user, the state directory and the bus told.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME raxauth)
set(CPACK_PACKAGE_VENDOR "raxauth project")
set(CPACK_PACKAGE_CONTACT "raxauth project <raxauth@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "dbus, libpam-runtime, adduser | systemd")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libpam-systemd, openssh-server")
# The one-line summary is the project's description.
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "A PAM module and a daemon that sign people in to this host with their
Rackspace user name, password and passcode, and remember for the login
session that they did.")
install(FILES ${CMAKE_SOURCE_DIR}/packaging/debian/copyright
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/raxauth)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/debian/postinst
    ${CMAKE_SOURCE_DIR}/packaging/debian/prerm
    ${CMAKE_SOURCE_DIR}/packaging/debian/postrm
    ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
