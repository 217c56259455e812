#define TOML_IMPLEMENTATION
#include "file/toml.hpp"

namespace haven::file {

void toml_gave_up(const char* why) { throw TomlGaveUp(why); }

}  // namespace haven::file
