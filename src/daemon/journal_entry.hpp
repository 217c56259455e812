// Entries of the journal that havend writes itself, beside its core.
#pragma once

#include <string>

#include "core/model/record.hpp"
#include "port/engine.hpp"

namespace haven::daemon {

// `record` as of now, to be committed with what it tells of.
[[nodiscard]] port::Operation journal_entry(const std::string& cluster, JournalRecord record);

}  // namespace haven::daemon
