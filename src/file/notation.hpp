// Values of the core in the words of the cluster file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/model/spec.hpp"

namespace haven::file {

// Keys in the order of the documentation, with their values as diff shows them; an empty value: absent.
using Keys = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] Keys keys_of(const Cluster& cluster);
[[nodiscard]] Keys keys_of(const Host& host);
// `domain` stands for the XML's text by a short fingerprint.
[[nodiscard]] Keys keys_of(const Resource& resource);
[[nodiscard]] Keys keys_of(const Rule& rule);

[[nodiscard]] const char* word_of(FailureDomain level);
[[nodiscard]] const char* word_of(Balance balance);
[[nodiscard]] const char* word_of(RuleKind kind);
[[nodiscard]] const char* word_of(DesiredState state);

// "text" as TOML writes it.
[[nodiscard]] std::string toml_text(const std::string& text);

}  // namespace haven::file
