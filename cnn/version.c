typedef int captioner_is_not_empty;
