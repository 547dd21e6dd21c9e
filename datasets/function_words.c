#include "datasets/function_words.h"

#include <stddef.h>
#include <string.h>

const char *const ds_function_words[] = {
    /* articles, and what stands in their place */
    "a", "an", "the", "this", "that", "these", "those", "some", "any", "no", "each", "every", "either",
    "both", "all", "many", "several", "few", "more", "most", "other", "another", "such", "own",
    /* numbers */
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "first", "second",
    /* prepositions and particles */
    "about", "above", "across", "after", "against", "along", "alongside", "amid", "among", "amongst",
    "around", "as", "at", "atop", "away", "back", "before", "behind", "below", "beneath", "beside", "besides",
    "between", "beyond", "by", "down", "during", "for", "from", "in", "inside", "into", "like", "near",
    "nearby", "next", "of", "off", "on", "onto", "out", "outside", "over", "past", "per", "through",
    "throughout", "to", "together", "toward", "towards", "under", "underneath", "until", "up", "upon", "via",
    "with", "within", "without",
    /* conjunctions and adverbs that join */
    "and", "but", "or", "nor", "so", "than", "then", "if", "because", "though", "although", "while", "whilst",
    "when", "where", "whereas", "there", "here", "not", "also", "too", "very", "just",
    /* pronouns */
    "i", "me", "my", "we", "us", "our", "you", "your", "he", "him", "his", "himself", "she", "her", "hers",
    "herself", "it", "its", "itself", "they", "them", "their", "theirs", "themselves", "who", "whom", "whose",
    "which", "what", "something", "someone", "'s", "s",
    /* forms of to be, to have, to do; what goes before verbs */
    "am", "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "having", "do", "does",
    "did", "doing", "can", "could", "may", "might", "will", "would", "must", "should", NULL};

bool ds_is_function_word(const char *word)
{
    for (const char *const *w = ds_function_words; *w; w++)
        if (!strcmp(*w, word)) return true;
    return false;
}

bool ds_vocab_is_english(const ds_vocab *v)
{
    static const char *const common[] = {"a", "the", "of", "in", "on", "with", "and", "is"};
    size_t known = 0, all = sizeof common / sizeof *common;
    for (size_t i = 0; i < all; i++) known += ds_vocab_id(v, common[i]) >= DS_SPECIALS;
    return 2 * known > all;
}
