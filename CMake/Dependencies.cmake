# Libraries. Required ones stop the configuration with the Debian package to install; optional ones are reported.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(caption_require target module package)
  pkg_check_modules(${target} IMPORTED_TARGET ${module})
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "'${module}' is missing; on Debian: apt-get install ${package} (or run tools/quickstart)")
  endif()
endfunction()

caption_require(JPEG libjpeg libjpeg62-turbo-dev)
caption_require(PNG libpng libpng-dev)
caption_require(BLAS openblas libopenblas-dev)
caption_require(JANSSON jansson libjansson-dev)

# What the program lacks without each optional library is said in Summary.cmake and by `caption --version`.
macro(caption_optional target module define)
  set(${target}_FOUND FALSE)
  if(CAPTION_OPTIONAL_LIBRARIES)
    pkg_check_modules(${target} IMPORTED_TARGET ${module})
  endif()
  if(${target}_FOUND)
    target_compile_definitions(caption_settings INTERFACE ${define}=1)
  else()
    target_compile_definitions(caption_settings INTERFACE ${define}=0)
  endif()
endmacro()

caption_optional(WEBP libwebp HAVE_WEBP)
caption_optional(LCMS2 lcms2 HAVE_LCMS2)
caption_optional(EXPAT expat HAVE_EXPAT)
caption_optional(UTF8PROC libutf8proc HAVE_UTF8PROC)
caption_optional(PANGO pangocairo HAVE_PANGO)

# Rarer formats of photos: their libraries are loaded by the first such file (src/image/library.h).
include(Soname)
caption_loaded(HEIF libheif heif libheif/heif.h)
caption_loaded(TIFF "libtiff-4>=4.5" tiff tiffio.h)
caption_loaded(GIF "" gif gif_lib.h)
caption_loaded(RAW libraw_r raw_r libraw/libraw.h)
