# Embeds the page (web/dist, made by scripts/build-web) and openapi.json into leat_server. Without web/dist, a page that says how to
# build it takes its place. The files are seen again at each build.
set(leat_web_dist "${PROJECT_SOURCE_DIR}/web/dist")
set(leat_embed_here "${CMAKE_CURRENT_LIST_DIR}")
file(GLOB_RECURSE leat_web_files CONFIGURE_DEPENDS "${leat_web_dist}/*")
set(leat_embedded "${CMAKE_CURRENT_BINARY_DIR}/server/embedded_assets.cc")
add_custom_command(
  OUTPUT "${leat_embedded}"
  COMMAND ${CMAKE_COMMAND} "-DDIST=${leat_web_dist}" "-DHERE=${leat_embed_here}" "-DOUT=${leat_embedded}"
          -P "${leat_embed_here}/embed_assets.cmake"
  DEPENDS ${leat_web_files} "${leat_embed_here}/embed_assets.cmake" "${leat_embed_here}/openapi.json"
          "${leat_embed_here}/page_missing.html"
  COMMENT "Embedding the page" VERBATIM)
target_sources(leat_server PRIVATE "${leat_embedded}")
# ccache does not see what .incbin reads, and precompiled headers are of no use here.
set_source_files_properties("${leat_embedded}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
