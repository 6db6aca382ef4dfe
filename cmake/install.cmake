# What `make install` and `make deb` put where. Component `leat` is the program and what belongs to it; component
# `service` is the systemd unit, which only the Debian package has, because it names the program's final path.
include(GNUInstallDirs)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # the tests are not installed, and need not be built for it
set(leat_private "${CMAKE_INSTALL_LIBDIR}/leat")
if(NOT DUCKDB_LIBRARY MATCHES "^/usr/")
  set(leat_private "lib/leat")
  get_filename_component(duckdb_folder "${DUCKDB_LIBRARY}" DIRECTORY)
  install(FILES "${DUCKDB_LIBRARY}" DESTINATION ${leat_private} COMPONENT leat
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${duckdb_folder}")
  install(FILES "${duckdb_folder}/LICENSE" DESTINATION share/doc/leat RENAME LICENSE.duckdb COMPONENT leat)
endif()
set_target_properties(leat PROPERTIES INSTALL_RPATH "$ORIGIN/../${leat_private}")
install(TARGETS leat RUNTIME DESTINATION bin COMPONENT leat)

install(FILES README.md ARCHITECTURE.md CHANGELOG.md DESTINATION share/doc/leat COMPONENT leat)
install(FILES LICENSE DESTINATION share/doc/leat RENAME copyright COMPONENT leat)
install(DIRECTORY docs DESTINATION share/doc/leat COMPONENT leat)
install(DIRECTORY pipelines DESTINATION share/leat COMPONENT leat)

# Shell completions and the manual page are what the program itself says.
set(package_files "${PROJECT_BINARY_DIR}/package_files")
add_custom_target(package_files
  COMMAND ${CMAKE_COMMAND} -DLEAT=$<TARGET_FILE:leat> -DFOLDER=${package_files} -DVERSION=${PROJECT_VERSION}
          -P "${PROJECT_SOURCE_DIR}/cmake/package_files.cmake"
  DEPENDS leat COMMENT "Writing completions and the manual page" VERBATIM)
install(FILES "${package_files}/leat.bash" DESTINATION share/bash-completion/completions RENAME leat
  COMPONENT leat OPTIONAL)
install(FILES "${package_files}/_leat" DESTINATION share/zsh/vendor-completions COMPONENT leat OPTIONAL)
install(FILES "${package_files}/leat.fish" DESTINATION share/fish/vendor_completions.d COMPONENT leat OPTIONAL)
install(FILES "${package_files}/leat.1" DESTINATION share/man/man1 COMPONENT leat OPTIONAL)

install(FILES packaging/leat.service DESTINATION lib/systemd/system COMPONENT service)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME leat)
set(CPACK_PACKAGE_CONTACT "Leat authors <leat@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "streaming data pipelines in one program")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "Events in, made durable, cleaned and counted with SQL as they arrive, written\nout exactly once, and shown live in a browser.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEB_COMPONENT_INSTALL OFF)
include(CPack)
