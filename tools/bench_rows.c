/* What `caption bench` measures. */
#include "tools/bench.h"

#define GEMM_WORK bench_gemm_open, bench_gemm_run, bench_gemm_close
#define PACKED_WORK bench_packed_open, bench_packed_run, bench_gemm_close
#define POINTWISE_WORK bench_pointwise_open, bench_pointwise_run, bench_gemm_close
#define CONV_WORK bench_conv_open, bench_conv_run, bench_gemm_close
#define PEAK_WORK bench_peak_open, bench_peak_run, bench_gemm_close
#define ENCODER_WORK bench_encoder_open, bench_encoder_run, bench_encoder_close
#define DECODER_WORK bench_decoder_open, bench_train_run, bench_train_close
#define WORDS_WORK bench_some_words_open, bench_words_run, bench_words_close
#define REGIONS_WORK bench_some_regions_open, bench_words_run, bench_words_close
#define PHOTOS_WORK bench_some_photos_open, bench_words_run, bench_words_close
#define TRAIN_WORK bench_train_open, bench_train_run, bench_train_close
#define TEXT_WORK bench_text_open, bench_text_run, bench_text_close
#define GREEDY_WORK bench_greedy_open, bench_words_run, bench_words_close
#define BEAM_WORK bench_beam_open, bench_words_run, bench_words_close
#define WHOLE_WORK bench_whole_open, bench_words_run, bench_words_close
#define LANGUAGE_WORK bench_language_open, bench_language_run, bench_language_close
#define LEARNING_PAIRS_WORK bench_pairs_open, bench_learning_pairs_run, bench_pairs_close
#define TRANSLATING_WORK bench_pairs_open, bench_translating_run, bench_pairs_close
#define LINES_WORK bench_lines_open, bench_lines_run, bench_lines_close
#define COLD_WORK bench_cold_open, bench_cold_run, bench_cold_close

static const char peak_panels[] = "panels of 64 KiB, nothing else";
static const char pointwise_photo[] = "one photo, packed weights";
static const char conv_photos[] = "16 photos, packed weights";
static const char random_weights[] = "random weights";
static const char drawn_dates[] = "dates of their own lengths, 16, 256, batch 128";
static const char even_dates[] = "29 symbols, 11 steps, vocabulary 60, 16, 256, batch 128";
/* A word of this decoder reads 8.3 million weights: what others are measured with, one with an output layer
 * of its own and an embedding of 256, reads 8.1 million. */
static const char random_decoder[] = "vocabulary 10,000, embedding 448, random weights";
static const char texts_of_12[] = "64 texts of 12 words of 10,000";
static const char pairs_of_16[] = "64 pairs of 16 words of 8,000";
static const char lines_of_16[] = "32 lines of 16 words together, greedy";
static const char one_line[] = "one line of 32 pieces", many_lines[] = "32 lines of 32 pieces together";
static const char many_photos[] = "16 photos at once, from pixels to 20 words, greedy";
static const char kept_features[] = "random features of MobileNetV2's shape";
static const char peers_captions[] = "32 captions, 20 words of 10,000, embedding 448";

/* name, what, unit, subject, note, kind, all threads?, needs a model?, precision, amount, functions */
const bench_row bench_rows[] = {
    {"sgemm", "1024 x 1024, f32", "GFLOP/s", NULL, NULL, BENCH_FLOPS, false, false, GEMM_F32, 0, GEMM_WORK},
    {"sgemm", "1024 x 1024, f32", "GFLOP/s", NULL, NULL, BENCH_FLOPS, true, false, GEMM_F32, 0, GEMM_WORK},
    {"sgemm", "1024 x 1024, bf16", "GFLOP/s", NULL, NULL, BENCH_FLOPS, false, false, GEMM_BF16, 0, GEMM_WORK},
    {"sgemm", "1024 x 1024, bf16", "GFLOP/s", NULL, NULL, BENCH_FLOPS, true, false, GEMM_BF16, 0, GEMM_WORK},
    {"sgemm", "1024, packed, bf16", "GFLOP/s", NULL, "weights in panels", BENCH_FLOPS, false, false,
     GEMM_BF16, 0, PACKED_WORK},
    {"sgemm", "1024, packed, bf16", "GFLOP/s", NULL, "weights in panels", BENCH_FLOPS, true, false, GEMM_BF16,
     0, PACKED_WORK},
    {"sgemm", "1x1, 144 to 32, 28x28", "GFLOP/s", NULL, pointwise_photo, BENCH_FLOPS, false, false, GEMM_BF16,
     BENCH_NARROWING, POINTWISE_WORK},
    {"sgemm", "1x1, 96 to 576, 14x14", "GFLOP/s", NULL, pointwise_photo, BENCH_FLOPS, false, false, GEMM_BF16,
     BENCH_WIDENING, POINTWISE_WORK},
    {"sgemm", "1x1, 960 to 160, 7x7", "GFLOP/s", NULL, pointwise_photo, BENCH_FLOPS, false, false, GEMM_BF16,
     BENCH_DEEP_NARROWING, POINTWISE_WORK},
    {"sgemm", "3x3, 128 to 128, 20x20", "GFLOP/s", NULL, conv_photos, BENCH_FLOPS, false, false, GEMM_BF16,
     BENCH_THREE_BY_THREE, CONV_WORK},
    {"sgemm", "peak from L2, bf16", "GFLOP/s", NULL, peak_panels, BENCH_PEAK, false, false, GEMM_BF16, 0,
     PEAK_WORK},
    {"sgemm", "peak from L2, bf16", "GFLOP/s", NULL, peak_panels, BENCH_PEAK, true, false, GEMM_BF16, 0,
     PEAK_WORK},
    {"cold", "caption PHOTO", "ms", NULL, "a new process", BENCH_TIME, false, true, GEMM_F32, 0, COLD_WORK},
    {"cold", "caption PHOTO, memory", "MiB", NULL, "peak", BENCH_MEMORY, false, true, GEMM_F32, 0, COLD_WORK},
    {"warm", "one photo, beam 3", "ms", NULL, "model is open", BENCH_TIME, false, true, GEMM_F32, 0,
     bench_warm_open, bench_warm_run, bench_warm_close},
    {"warm", "16 photos together", "photos/s", NULL, "model is open", BENCH_RATE, true, true, GEMM_F32, 0,
     bench_warm_open, bench_many_run, bench_warm_close},
    {"encoder", "mobilenet_v2 at 224", "ms", "mobilenet_v2", random_weights, BENCH_TIME, false, false,
     GEMM_F32, 0, ENCODER_WORK},
    {"encoder", "mobilenet_v2 at 224, bf16", "ms", "mobilenet_v2", random_weights, BENCH_TIME, false, false,
     GEMM_BF16, 0, ENCODER_WORK},
    {"encoder", "small at 160", "ms", "small", random_weights, BENCH_TIME, false, false, GEMM_F32, 0,
     ENCODER_WORK},
    {"encoder", "small at 160, bf16", "ms", "small", random_weights, BENCH_TIME, false, false, GEMM_BF16, 0,
     ENCODER_WORK},
    {"encoder", "efficientnet_lite2 at 260", "ms", "efficientnet_lite2", random_weights, BENCH_TIME, false,
     false, GEMM_F32, 0, ENCODER_WORK},
    {"encoder", "efficientnet_lite2 at 224", "ms", "efficientnet_lite2", random_weights, BENCH_TIME, false,
     false, GEMM_F32, 224, ENCODER_WORK},
    {"encoder", "lite2 at 224, bf16", "ms", "efficientnet_lite2", random_weights, BENCH_TIME, false, false,
     GEMM_BF16, 224, ENCODER_WORK},
    {"encoder", "yolox_nano at 416", "ms", "yolox_nano", random_weights, BENCH_TIME, false, false, GEMM_F32,
     0, ENCODER_WORK},
    {"encoder", "yolox_nano at 416, bf16", "ms", "yolox_nano", random_weights, BENCH_TIME, false, false,
     GEMM_BF16, 0, ENCODER_WORK},
    {"words", "20 words, greedy, f32", "ms", "f32", random_decoder, BENCH_TIME, false, false, GEMM_F32, 0,
     GREEDY_WORK},
    {"words", "20 words, greedy, bf16", "ms", "bf16", random_decoder, BENCH_TIME, false, false, GEMM_F32, 0,
     GREEDY_WORK},
    {"words", "20 words, greedy, int8", "ms", "int8", random_decoder, BENCH_TIME, false, false, GEMM_F32, 0,
     GREEDY_WORK},
    {"words", "20 words, beam 5, f32", "ms", "f32", random_decoder, BENCH_TIME, false, false, GEMM_F32, 0,
     BEAM_WORK},
    {"words", "20 words, beam 5, bf16", "ms", "bf16", random_decoder, BENCH_TIME, false, false, GEMM_F32, 0,
     BEAM_WORK},
    {"words", "20 words, beam 5, int8", "ms", "int8", random_decoder, BENCH_TIME, false, false, GEMM_F32, 0,
     BEAM_WORK},
    {"many", "mobilenet_v2, f32", "photos/s", "f32", many_photos, BENCH_RATE, true, false, GEMM_F32, 0,
     WHOLE_WORK},
    {"many", "mobilenet_v2, bf16", "photos/s", "bf16", many_photos, BENCH_RATE, true, false, GEMM_F32, 0,
     WHOLE_WORK},
    {"many", "mobilenet_v2, int8", "photos/s", "int8", many_photos, BENCH_RATE, true, false, GEMM_F32, 0,
     WHOLE_WORK},
    {"decoder", "train, f32", "captions/s", "mobilenet_v2", kept_features, BENCH_RATE, true, false, GEMM_F32,
     0, DECODER_WORK},
    {"decoder", "train, bf16", "captions/s", "mobilenet_v2", kept_features, BENCH_RATE, true, false,
     GEMM_BF16, 0, DECODER_WORK},
    {"decoder", "peers' sizes, f32", "captions/s", "mobilenet_v2", peers_captions, BENCH_RATE, true, false,
     GEMM_F32, BENCH_PEERS, DECODER_WORK},
    {"decoder", "peers' sizes, bf16", "captions/s", "mobilenet_v2", peers_captions, BENCH_RATE, true, false,
     GEMM_BF16, BENCH_PEERS, DECODER_WORK},
    {"train", "small and decoder, bf16", "photos/s", "small", "5 captions each, photos decoded", BENCH_RATE,
     true, false, GEMM_BF16, 0, TRAIN_WORK},
    {"train", "mobilenet_v2 tuned, bf16", "photos/s", "mobilenet_v2", "end to end, 5 captions each",
     BENCH_RATE, true, false, GEMM_BF16, 0, TRAIN_WORK},
    {"train", "mobilenet_v2, as peers", "photos/s", "mobilenet_v2", peers_captions, BENCH_RATE, true, false,
     GEMM_BF16, BENCH_PEERS, TRAIN_WORK},
    {"train", "mobilenet_v2, memory", "MiB", "mobilenet_v2", "peak of a process, 5 captions each",
     BENCH_MEMORY, true, false, GEMM_BF16, 0, TRAIN_WORK},
    {"dates", "dot, f32", "samples/s", "dot", drawn_dates, BENCH_RATE, false, false, GEMM_F32, 0, TEXT_WORK},
    {"dates", "additive, f32", "samples/s", "additive", drawn_dates, BENCH_RATE, false, false, GEMM_F32, 0,
     TEXT_WORK},
    {"dates", "dot, bf16", "samples/s", "dot", drawn_dates, BENCH_RATE, false, false, GEMM_BF16, 0,
     TEXT_WORK},
    {"dates", "additive, bf16", "samples/s", "additive", drawn_dates, BENCH_RATE, false, false, GEMM_BF16, 0,
     TEXT_WORK},
    {"dates", "dot, 29 symbols, f32", "samples/s", "dot", even_dates, BENCH_RATE, false, false, GEMM_F32,
     BENCH_PEERS, TEXT_WORK},
    {"dates", "additive, 29 symbols, f32", "samples/s", "additive", even_dates, BENCH_RATE, false, false,
     GEMM_F32, BENCH_PEERS, TEXT_WORK},
    {"dates", "dot, 29 symbols, bf16", "samples/s", "dot", even_dates, BENCH_RATE, false, false, GEMM_BF16,
     BENCH_PEERS, TEXT_WORK},
    {"dates", "additive, 29 symbols, bf16", "samples/s", "additive", even_dates, BENCH_RATE, false, false,
     GEMM_BF16, BENCH_PEERS, TEXT_WORK},
    {"ngram", "5-grams, counting", "words/s", NULL, "550,000 words of 10,000", BENCH_RATE, false, false,
     GEMM_F32, 0, bench_ngram_open, bench_counting_run, bench_ngram_close},
    {"ngram", "5-grams, queries", "words/s", NULL, "550,000 words of 10,000", BENCH_RATE, false, false,
     GEMM_F32, 0, bench_ngram_open, bench_ngram_run, bench_ngram_close},
    {"language", "LSTM of 512, predicting", "words/s", "lstm", texts_of_12, BENCH_RATE, false, false,
     GEMM_F32, 0, LANGUAGE_WORK},
    {"language", "LSTM of 512, learning", "words/s", "lstm", texts_of_12, BENCH_RATE, true, false, GEMM_F32,
     BENCH_LEARNING, LANGUAGE_WORK},
    {"language", "Transformer, predicting", "words/s", "transformer", texts_of_12, BENCH_RATE, false, false,
     GEMM_F32, 0, LANGUAGE_WORK},
    {"language", "Transformer, learning", "words/s", "transformer", texts_of_12, BENCH_RATE, true, false,
     GEMM_F32, BENCH_LEARNING, LANGUAGE_WORK},
    {"pairs", "Transformer, learning, f32", "pairs/s", "f32", pairs_of_16, BENCH_RATE, true, false, GEMM_F32,
     BENCH_LEARNING, LEARNING_PAIRS_WORK},
    {"pairs", "Transformer, learning, bf16", "pairs/s", "f32", pairs_of_16, BENCH_RATE, true, false,
     GEMM_BF16, BENCH_LEARNING, LEARNING_PAIRS_WORK},
    {"pairs", "Transformer, translating, f32", "lines/s", "f32", lines_of_16, BENCH_RATE, false, false,
     GEMM_F32, 0, TRANSLATING_WORK},
    {"pairs", "Transformer, translating, int8", "lines/s", "int8", lines_of_16, BENCH_RATE, false, false,
     GEMM_F32, 0, TRANSLATING_WORK},
    {"lines", "MiniLM, one line, f32", "lines/s", "f32", one_line, BENCH_RATE, false, false, GEMM_F32, 1,
     LINES_WORK},
    {"lines", "MiniLM, one line, int8", "lines/s", "int8", one_line, BENCH_RATE, false, false, GEMM_F32, 1,
     LINES_WORK},
    {"lines", "MiniLM, 32 lines, f32", "lines/s", "f32", many_lines, BENCH_RATE, false, false, GEMM_F32, 32,
     LINES_WORK},
    {"lines", "MiniLM, 32 lines, int8", "lines/s", "int8", many_lines, BENCH_RATE, false, false, GEMM_F32, 32,
     LINES_WORK},
    {"score", "BLEU, ROUGE-L, CIDEr", "images/s", NULL, "5,000 images, 25,000 references", BENCH_RATE, false,
     false, GEMM_F32, 0, bench_score_open, bench_score_run, bench_score_close},
    {"scale", "10 words", "ms", "bf16", random_decoder, BENCH_TIME, false, false, GEMM_F32, 10, WORDS_WORK},
    {"scale", "40 words", "x the time", "bf16", "4 times the words", BENCH_GROWTH, false, false, GEMM_F32, 40,
     WORDS_WORK},
    {"scale", "20 words, 49 regions", "ms", "bf16", random_decoder, BENCH_TIME, false, false, GEMM_F32, 49,
     REGIONS_WORK},
    {"scale", "20 words, 784 regions", "x the time", "bf16", "16 times the regions", BENCH_GROWTH, false,
     false, GEMM_F32, 784, REGIONS_WORK},
    {"scale", "4 photos", "ms", "bf16", "mobilenet_v2, pixels to 20 words", BENCH_TIME, false, false,
     GEMM_F32, 4, PHOTOS_WORK},
    {"scale", "16 photos", "x the time", "bf16", "4 times the photos", BENCH_GROWTH, false, false, GEMM_F32,
     16, PHOTOS_WORK},
    {"scale", "16 photos, all threads", "x as fast", "bf16", "as the row above", BENCH_SPEEDUP, true, false,
     GEMM_F32, 16, PHOTOS_WORK},
    {"scale", "training, one thread", "captions/s", "mobilenet_v2", kept_features, BENCH_RATE, false, false,
     GEMM_BF16, 0, DECODER_WORK},
    {"scale", "training, all threads", "x as fast", "mobilenet_v2", "as the row above", BENCH_SPEEDUP, true,
     false, GEMM_BF16, 0, DECODER_WORK},
    {0},
};
const int bench_row_count = sizeof bench_rows / sizeof *bench_rows - 1;
_Static_assert(sizeof bench_rows / sizeof *bench_rows - 1 <= BENCH_ROWS_MAX, "more rows than BENCH_ROWS_MAX");
