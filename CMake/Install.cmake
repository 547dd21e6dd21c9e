# The library for other programs (captioner/caption.h): all floors below the program, shared (libcaption.so) and
# static (libcaption.a). Both show what begins with cap_ and is in the header, and nothing else. A program says
#
#     #include <caption.h>                    cc program.c $(pkg-config --cflags --libs caption)
#
# and in CMake: find_package(caption REQUIRED), then caption::caption; with COMPONENTS static also caption::static.
# The program itself links the floors as they are: it needs more than the header, and starts faster.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(caption_floors caption_captioner caption_cnn caption_datasets caption_core)
set(caption_objects "")
foreach(floor ${caption_floors})
  list(APPEND caption_objects $<TARGET_OBJECTS:${floor}>)
  set_target_properties(${floor} PROPERTIES C_VISIBILITY_PRESET hidden)
endforeach()

# What it stands on: modules of pkg-config. (Pango is loaded when a text is painted, OpenBLAS where it is found.)
set(caption_modules "")
set(caption_libraries Threads::Threads m ${CMAKE_DL_LIBS})
foreach(pair "JANSSON jansson" "JPEG libjpeg" "PNG libpng" "WEBP libwebp" "LCMS2 lcms2" "EXPAT expat" "UTF8PROC libutf8proc")
  separate_arguments(pair)
  list(GET pair 0 name)
  list(GET pair 1 module)
  if(${name}_FOUND)
    list(APPEND caption_modules ${module})
    list(APPEND caption_libraries PkgConfig::${name})
  endif()
endforeach()

# ---- shared: while the first number is 0, the second one changes with the interface ----
add_library(caption_shared SHARED ${caption_objects})
set_target_properties(caption_shared PROPERTIES OUTPUT_NAME caption EXPORT_NAME caption LINKER_LANGUAGE C
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_link_libraries(caption_shared PRIVATE ${caption_libraries})
target_include_directories(caption_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
if(CAPTION_SANITIZE)
  target_link_options(caption_shared PRIVATE -fsanitize=${CAPTION_SANITIZE})
endif()

# ---- static: one object whose hidden symbols are made local, so that they meet nobody's ----
set(caption_archive "${PROJECT_BINARY_DIR}/libcaption.a")
set(caption_whole "${PROJECT_BINARY_DIR}/caption_whole.o")
add_custom_command(OUTPUT "${caption_archive}"
  COMMAND "${CMAKE_LINKER}" -r -o "${caption_whole}" ${caption_objects}
  COMMAND "${CMAKE_OBJCOPY}" --localize-hidden "${caption_whole}"
  COMMAND "${CMAKE_COMMAND}" -E rm -f "${caption_archive}"
  COMMAND "${CMAKE_AR}" rcs "${caption_archive}" "${caption_whole}"
  COMMAND "${CMAKE_COMMAND}" -E rm "${caption_whole}"
  DEPENDS ${caption_floors} ${caption_objects}
  COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking C static library libcaption.a")
add_custom_target(caption_static ALL DEPENDS "${caption_archive}")

# ---- what is installed; the files find their own place, so that an installed tree can be moved ----
install(TARGETS caption_shared EXPORT captionTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${caption_archive}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/captioner/caption.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
foreach(example example.c example.cpp example.py)
  install(FILES "${PROJECT_SOURCE_DIR}/tests/install/${example}" DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")
endforeach()

list(JOIN caption_modules " " caption_requires)
set(caption_pc_folder "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH caption_to_prefix "${caption_pc_folder}" "${CMAKE_INSTALL_PREFIX}")
configure_file("${PROJECT_SOURCE_DIR}/CMake/caption.pc.in" "${PROJECT_BINARY_DIR}/caption.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/caption.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

set(caption_package "${CMAKE_INSTALL_LIBDIR}/cmake/caption")
configure_package_config_file("${PROJECT_SOURCE_DIR}/CMake/captionConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/captionConfig.cmake" INSTALL_DESTINATION "${caption_package}"
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/captionConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/captionConfig.cmake" "${PROJECT_BINARY_DIR}/captionConfigVersion.cmake"
  DESTINATION "${caption_package}")
install(EXPORT captionTargets NAMESPACE caption:: DESTINATION "${caption_package}")
