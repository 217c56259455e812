#define TOML_IMPLEMENTATION
#include "file/toml.hpp"
