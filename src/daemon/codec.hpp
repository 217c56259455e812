// The text form of what stands in the engine: each record is one JSON object. Decoding is total and strict: whatever
// the bytes are, the answer is a record, and one that is not exactly as written here is an UnreadableRecord with what
// is wrong. Paths are relative to /haven/<cluster>/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/record.hpp"

namespace haven::codec {

// For every record but SpecRecord (which is stored in pieces: spec_store.hpp) and UnreadableRecord (which nobody
// writes); these two are a defect of the caller and end the program.
[[nodiscard]] std::string encode(const Record& record);

// By the kind of its path. nullopt: no record lives there (a later version's key, a piece of the spec).
[[nodiscard]] std::optional<Record> decode(const std::string& path, std::string_view bytes);

// "place-failed": as in the journal's JSON (FORMATS).
[[nodiscard]] const char* word(JournalKind kind);

}  // namespace haven::codec
