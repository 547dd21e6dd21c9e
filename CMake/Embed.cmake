# The model inside the program: captioner/net/builtin.c takes in the file with the assembler's .incbin. Without the file
# the build works, and the program asks for --model.
set(CAPTION_BUILTIN_MODEL "${PROJECT_SOURCE_DIR}/captioner/builtin.safetensors" CACHE FILEPATH
  "The model inside the program")

function(caption_embed_model source)
  get_filename_component(folder "${CAPTION_BUILTIN_MODEL}" DIRECTORY)
  get_filename_component(name "${CAPTION_BUILTIN_MODEL}" NAME)
  file(GLOB present CONFIGURE_DEPENDS "${folder}/${name}") # configures again when the file comes or goes
  if(present)
    set_source_files_properties(${source} PROPERTIES
      COMPILE_DEFINITIONS "CAPTION_BUILTIN_FILE=\"${CAPTION_BUILTIN_MODEL}\""
      OBJECT_DEPENDS "${CAPTION_BUILTIN_MODEL}")
  else()
    message(STATUS "  no built-in model (${CAPTION_BUILTIN_MODEL} is not there)")
  endif()
endfunction()

# The files of pages (HTML, style, scripts), which captioner/show/page_parts.c takes in likewise: they lie in the tree as
# people read them.
function(caption_embed_page source folder)
  file(GLOB parts CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*")
  set_source_files_properties(${source} PROPERTIES
    COMPILE_DEFINITIONS "CAPTION_PAGE_FOLDER=\"${CMAKE_CURRENT_SOURCE_DIR}/${folder}\"" OBJECT_DEPENDS "${parts}")
endfunction()
