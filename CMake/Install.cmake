# The library for other programs (captioner/caption.h): all floors below the program in one archive, libcaption.a, its
# headers under include/caption with their folders, and a pkg-config file. A program says
#
#     #include <captioner/caption.h>          cc program.c $(pkg-config --cflags --libs caption)
#
# and in CMake: pkg_check_modules(CAPTION REQUIRED IMPORTED_TARGET caption), then PkgConfig::CAPTION.
include(GNUInstallDirs)

set(caption_floors caption_captioner caption_cnn caption_datasets caption_core)
set(caption_objects "")
foreach(floor ${caption_floors})
  list(APPEND caption_objects $<TARGET_OBJECTS:${floor}>)
endforeach()
add_library(caption_library STATIC ${caption_objects})
set_target_properties(caption_library PROPERTIES OUTPUT_NAME caption LINKER_LANGUAGE C)
install(TARGETS caption_library ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")

foreach(folder captioner cnn datasets src)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/caption"
    FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/tests/install/example.c" DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")

# The file finds its own place, so that an installed tree can be moved, and `cmake --install --prefix` works.
set(caption_requires "jansson libjpeg libpng")
foreach(pair "WEBP libwebp" "LCMS2 lcms2" "UTF8PROC libutf8proc" "PANGO pangocairo")
  separate_arguments(pair)
  list(GET pair 0 name)
  list(GET pair 1 module)
  if(${name}_FOUND)
    string(APPEND caption_requires " ${module}")
  endif()
endforeach()
set(caption_pc_folder "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH caption_to_prefix "${caption_pc_folder}" "${CMAKE_INSTALL_PREFIX}")
configure_file("${PROJECT_SOURCE_DIR}/CMake/caption.pc.in" "${PROJECT_BINARY_DIR}/caption.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/caption.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
