#include "captioner/net/object_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/list.h"

enum { LONGEST = 40, WAYS = 3 }; /* bytes of a name and its NUL; of saying a class */

typedef struct object_row {
    const char *class_name, *said[WAYS]; /* the best way first */
    /* What else captions call it or tell it by (a skier has skis), separated by commas. Plurals are made by
     * rule, of names before the bar; those behind it are taken as they are. */
    const char *also;
} object_row;

static const object_row rows[] = {
    {"person",
     {"person", "man"},
     "man,woman,boy,girl,child,kid,baby,toddler,guy,lady,gentleman,adult,player,batter,pitcher,catcher,"
     "skier,snowboarder,skateboarder,surfer,rider,cyclist,biker,bicyclist,motorcyclist,pedestrian,crowd,"
     "worker,officer,policeman,soldier,chef,student,friend,dancer,swimmer,climber,hiker,runner,jogger,"
     "cowboy,bride,groom,son,daughter,brother,sister,teenager,umpire,referee,passenger,spectator|people,"
     "someone,men,women,children,gentlemen,policemen,persons"},
    {"bicycle", {"bicycle", "bike"}, "cyclist,bicyclist,mountain bike,bike"},
    {"car", {"car"}, "taxi,cab,suv,sedan,minivan,van,automobile,convertible,race car,police car"},
    {"motorcycle",
     {"motorcycle", "motorbike"},
     "motor bike,motorcyclist,moped,scooter,dirt bike,dirtbike,motorbike"},
    {"airplane", {"airplane", "plane"}, "aeroplane,jet,airliner,jetliner,biplane,aircraft,air plane,plane"},
    {"bus", {"bus"}, "minibus,double decker"},
    {"train", {"train"}, "locomotive,subway,tram,trolley,train car"},
    {"truck", {"truck"}, "lorry,pickup,firetruck,fire truck,semi"},
    {"boat",
     {"boat"},
     "ship,sailboat,canoe,kayak,ferry,yacht,raft,rowboat,speedboat,gondola,motorboat,jet ski"},
    {"traffic light", {"traffic light", "light"}, "traffic signal,stop light,stoplight,street signal"},
    {"fire hydrant", {"fire hydrant", "hydrant"}, "hydrant"},
    {"stop sign", {"stop sign", "sign"}, ""},
    {"parking meter", {"parking meter"}, "meter"},
    {"bench", {"bench"}, "park bench"},
    {"bird",
     {"bird"},
     "duck,seagull,gull,parrot,owl,swan,pigeon,eagle,rooster,hen,penguin,ostrich,peacock,crow,flamingo,"
     "pelican,hawk,heron,sparrow,hummingbird,duckling|goose,geese"},
    {"cat", {"cat"}, "kitten,kitty"},
    {"dog",
     {"dog"},
     "puppy,poodle,terrier,labrador,retriever,greyhound,collie,dachshund,bulldog,sheepdog,pup"},
    {"horse", {"horse"}, "pony,foal,colt,stallion"},
    {"sheep", {"sheep"}, "lamb,ram"},
    {"cow", {"cow"}, "bull,calf,ox,steer|cattle,calves,oxen"},
    {"elephant", {"elephant"}, "baby elephant,mother elephant"},
    {"bear", {"bear"}, "polar bear,baby bear,mother bear,cub,panda,grizzly"},
    {"zebra", {"zebra"}, "baby zebra,mother zebra"},
    {"giraffe", {"giraffe"}, "baby giraffe,mother giraffe"},
    {"backpack", {"backpack"}, "knapsack,rucksack,back pack"},
    {"umbrella", {"umbrella"}, "parasol"},
    {"handbag", {"handbag", "purse", "bag"}, "hand bag,shoulder bag,tote,purse"},
    {"tie", {"tie", "necktie"}, "neck tie,bow tie,bowtie,necktie"},
    {"suitcase", {"suitcase"}, "briefcase|luggage,baggage"},
    {"frisbee", {"frisbee"}, "flying disc"},
    {"skis", {"skis"}, "ski,skier|skiing"},
    {"snowboard", {"snowboard"}, "snow board,snowboarder|snowboarding"},
    {"sports ball", {"ball"}, "basketball,volleyball,football,soccer ball,tennis ball,golf ball,beach ball"},
    {"kite", {"kite"}, ""},
    {"baseball bat", {"baseball bat", "bat"}, "batter,bat"},
    {"baseball glove", {"baseball glove", "glove"}, "catcher,mitt,glove"},
    {"skateboard", {"skateboard"}, "skate board,skateboarder|skateboarding"},
    {"surfboard", {"surfboard"}, "surf board,surfer|surfing"},
    {"tennis racket", {"tennis racket", "tennis racquet", "racket"}, "tennis racquet,racquet,racket"},
    {"bottle", {"bottle"}, "wine bottle,water bottle"},
    {"wine glass", {"wine glass", "glass"}, "wineglass"},
    {"cup", {"cup"}, "mug,coffee cup"},
    {"fork", {"fork"}, ""},
    {"knife", {"knife"}, "|knives"},
    {"spoon", {"spoon"}, "ladle"},
    {"bowl", {"bowl"}, ""},
    {"banana", {"banana"}, ""},
    {"apple", {"apple"}, ""},
    {"sandwich", {"sandwich"}, "burger,hamburger"},
    {"orange", {"orange"}, "orange slice|oranges"},
    {"broccoli", {"broccoli"}, "brocoli"},
    {"carrot", {"carrot"}, ""},
    {"hot dog", {"hot dog", "hotdog"}, "sausage,hotdog"},
    {"pizza", {"pizza"}, ""},
    {"donut", {"donut", "doughnut"}, "doughnut"},
    {"cake", {"cake"}, "cupcake,birthday cake,wedding cake"},
    {"chair", {"chair"}, "armchair,recliner,stool,lawn chair,office chair"},
    {"couch", {"couch", "sofa"}, "loveseat,love seat,sofa"},
    {"potted plant", {"potted plant", "plant"}, "house plant,houseplant,plant"},
    {"bed", {"bed"}, "bunk bed,mattress"},
    {"dining table", {"dining table", "table"}, "kitchen table,dinner table,picnic table,table"},
    {"toilet", {"toilet"}, "urinal"},
    {"tv", {"tv", "television"}, "television,tv screen,flat screen"},
    {"laptop", {"laptop"}, "laptop computer,notebook computer"},
    {"mouse", {"mouse"}, "computer mouse|mice"},
    {"remote", {"remote"}, "remote control,wii remote,controller,wiimote"},
    {"keyboard", {"keyboard"}, "computer keyboard"},
    {"cell phone", {"cell phone", "cellphone", "phone"}, "cellphone,phone,smartphone,iphone,smart phone"},
    {"microwave", {"microwave"}, "microwave oven"},
    {"oven", {"oven"}, "stove"},
    {"toaster", {"toaster"}, "toaster oven"},
    {"sink", {"sink"}, "basin,bathroom sink,kitchen sink"},
    {"refrigerator", {"refrigerator", "fridge"}, "freezer,refridgerator,fridge"},
    {"book", {"book"}, "novel"},
    {"clock", {"clock"}, "clock tower"},
    {"vase", {"vase"}, ""},
    {"scissors", {"scissors"}, "scissor"},
    {"teddy bear", {"teddy bear", "teddy"}, "stuffed bear,stuffed animal,teddy"},
    {"hair drier", {"hair dryer", "dryer"}, "hair drier,blow dryer,blow drier,hairdryer,hair blower"},
    {"toothbrush", {"toothbrush"}, "tooth brush"},
};

/* What is said of these means other things as well, like a colour: captions name them by `also` alone. */
static const char *const vague[] = {"orange"};

static bool is_vague(const char *class_name)
{
    for (size_t i = 0; i < sizeof vague / sizeof vague[0]; i++)
        if (!strcmp(vague[i], class_name)) return true;
    return false;
}

/* What is known of a class; of others than COCO's its name is all. */
static object_row row_of(const char *class_name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!strcmp(rows[i].class_name, class_name)) return rows[i];
    return (object_row){class_name, {class_name}, ""};
}

/* Takes the next name from a list into out; false at its end. *plural turns false behind the bar. */
static bool next_name(const char **list, char out[LONGEST], bool *plural)
{
    while (**list == ',' || **list == '|') {
        if (**list == '|') *plural = false;
        (*list)++;
    }
    size_t n = strcspn(*list, ",|");
    if (!n) return false;
    snprintf(out, LONGEST, "%.*s", (int)n, *list);
    *list += n;
    return true;
}

static int32_t known(const ds_vocab *vocab, const char *word)
{
    int32_t number = ds_vocab_id(vocab, word);
    return number < DS_SPECIALS ? -1 : number;
}

/* A name of one or two words as numbers; false: the vocabulary lacks one, or there are three. */
static bool number_name(const ds_vocab *vocab, const char *name, int32_t *first, int32_t *second)
{
    char head[LONGEST];
    const char *blank = strchr(name, ' ');
    snprintf(head, sizeof head, "%.*s", blank ? (int)(blank - name) : (int)strlen(name), name);
    *first = known(vocab, head);
    *second = blank ? known(vocab, blank + 1) : -1;
    return *first >= 0 && (!blank || *second >= 0);
}

bool cap_object_said(const ds_vocab *vocab, const char *class_name, int32_t *first, int32_t *last)
{
    const object_row row = row_of(class_name);
    for (int i = 0; i < WAYS && row.said[i]; i++) {
        int32_t second;
        if (!number_name(vocab, row.said[i], first, &second)) continue;
        *last = second < 0 ? *first : second;
        return true;
    }
    return false;
}

/* ---- what captions say ---- */

/* "bench" benches, "puppy" puppies, "dog" dogs: of a name of two words it is the last that changes. */
static void make_plural(char name[LONGEST])
{
    size_t n = strlen(name);
    if (n < 2 || n + 3 > LONGEST) return;
    char last = name[n - 1], before = name[n - 2];
    bool hisses = last == 's' || last == 'x' || ((before == 'c' || before == 's') && last == 'h');
    if (last == 'y' && !strchr("aeiou", before))
        snprintf(name + n - 1, LONGEST - n + 1, "ies");
    else
        snprintf(name + n, LONGEST - n, "%s", hisses ? "es" : "s");
}

typedef struct name_list {
    const ds_vocab *vocab;
    cap_object_name *name;
    int32_t count;
    int64_t capacity;
} name_list;

static bool add_name(name_list *l, const char *name, int class)
{
    cap_object_name n = {.class = class};
    if (!number_name(l->vocab, name, &n.first, &n.second)) return true;
    if (!LIST_ROOM(l->name, l->count, 1, l->capacity)) return false;
    l->name[l->count++] = n;
    return true;
}

static bool add_names(name_list *l, const char *list, int class)
{
    char name[LONGEST];
    bool plural = true;
    while (next_name(&list, name, &plural)) {
        if (!add_name(l, name, class)) return false;
        if (plural) make_plural(name);
        if (plural && !add_name(l, name, class)) return false;
    }
    return true;
}

/* By first word; names of two words in front of names of one, so that those are met first. */
static int by_words(const void *left, const void *right)
{
    const cap_object_name *a = left, *b = right;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    if (a->second != b->second) return a->second > b->second ? -1 : 1;
    return (a->class > b->class) - (a->class < b->class);
}

static err_code index_names(cap_object_names *n, const name_list *l, arena *memory, error *err)
{
    size_t bytes = l->count * sizeof *l->name;
    int32_t *start = arena_array(memory, (size_t)n->words + 1, sizeof *start);
    cap_object_name *name = arena_alloc(memory, bytes + 1);
    if (!start || !name) return err_no_memory(err, "for the names of objects");
    if (bytes) memcpy(name, l->name, bytes);
    if (bytes) qsort(name, l->count, sizeof *name, by_words);
    for (int32_t i = 0; i < l->count; i++) start[name[i].first + 1]++;
    for (int32_t w = 0; w < n->words; w++) start[w + 1] += start[w];
    n->start = start;
    n->name = name;
    return ERR_OK;
}

err_code cap_object_names_create(cap_object_names *n, const ds_vocab *vocab, const char *const *class_names,
                                 int classes, arena *memory, error *err)
{
    name_list l = {.vocab = vocab};
    bool ok = true;
    *n = (cap_object_names){.words = ds_vocab_size(vocab), .classes = classes};
    for (int i = 0; ok && i < classes; i++) {
        const object_row row = row_of(class_names[i]);
        ok = (is_vague(class_names[i]) || add_names(&l, row.said[0], i)) && add_names(&l, row.also, i);
    }
    err_code code = ok ? index_names(n, &l, memory, err) : err_no_memory(err, "for the names of objects");
    free(l.name);
    return code;
}

int cap_object_names_at(const cap_object_names *n, const int32_t *words, int count, bool *named)
{
    int length = 0;
    if (count < 1 || words[0] < 0 || words[0] >= n->words) return 0;
    for (int32_t k = n->start[words[0]]; k < n->start[words[0] + 1]; k++) {
        const cap_object_name *name = &n->name[k];
        bool two = name->second >= 0;
        if (two ? count < 2 || name->second != words[1] : length == 2) continue;
        named[name->class] = true;
        length = two ? 2 : 1;
    }
    return length;
}

void cap_object_names_find(const cap_object_names *n, const int32_t *words, int count, bool *named)
{
    for (int i = 0; i < count;) {
        int length = cap_object_names_at(n, words + i, count - i, named);
        i += length ? length : 1;
    }
}
