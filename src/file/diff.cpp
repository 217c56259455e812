#include "file/diff.hpp"

#include <algorithm>

#include "core/model/wording.hpp"
#include "file/notation.hpp"

namespace haven::file {
namespace {

using Kind = DiffLine::Kind;

// What of a whole table is worth a line: the keys that are not as in a table with nothing but its name.
std::string summary(const Keys& keys, const Keys& defaults) {
  std::string out;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& [key, value] = keys[i];
    if (value.empty() || value == defaults[i].second) continue;
    out += (out.empty() ? "" : ", ") + key + " = " + value;
  }
  return out;
}

void compare(const std::string& table, const std::string& name, const Keys& before, const Keys& after,
             std::vector<DiffLine>& out) {
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (before[i].second == after[i].second) continue;
    out.push_back({Kind::changed, table, name, after[i].first, before[i].second, after[i].second});
  }
}

template <class T>
std::vector<std::string> common_names(const std::vector<T>& list, const std::vector<T>& other) {
  std::vector<std::string> out;
  for (const T& e : list) {
    if (std::any_of(other.begin(), other.end(), [&](const T& o) { return o.name == e.name; })) {
      out.push_back(e.name.str());
    }
  }
  return out;
}

template <class T>
void compare_named(const std::string& table, const std::vector<T>& before, const std::vector<T>& after,
                   std::vector<DiffLine>& out) {
  const auto find = [](const std::vector<T>& list, const T& like) {
    return std::find_if(list.begin(), list.end(), [&](const T& e) { return e.name == like.name; });
  };
  for (const T& e : after) {
    const auto old = find(before, e);
    if (old == before.end()) {
      out.push_back({Kind::added, table, e.name.str(), "", "", summary(keys_of(e), keys_of(T{}))});
    } else {
      compare(table, e.name.str(), keys_of(*old), keys_of(e), out);
    }
  }
  for (const T& e : before) {
    if (find(after, e) != after.end()) continue;
    out.push_back({Kind::removed, table, e.name.str(), "", summary(keys_of(e), keys_of(T{})), ""});
  }
  const auto was = common_names(before, after), is = common_names(after, before);
  if (was != is) out.push_back({Kind::changed, table, "", "order", with_commas(was), with_commas(is)});
}

std::string name_of(const Rule& rule) { return std::string(word_of(rule.kind)) + " " + keys_of(rule)[1].second; }

// Rules have no names: one over the same resources of the same kind is the same rule, changed.
void compare_rules(const std::vector<Rule>& before, const std::vector<Rule>& after, std::vector<DiffLine>& out) {
  std::vector<bool> met(before.size(), false);
  for (const Rule& rule : after) {
    std::size_t old = 0;
    while (old < before.size() && (met[old] || name_of(before[old]) != name_of(rule))) ++old;
    if (old == before.size()) {
      out.push_back({Kind::added, "rule", name_of(rule), "", "", summary(keys_of(rule), keys_of(Rule{}))});
      continue;
    }
    met[old] = true;
    compare("rule", name_of(rule), keys_of(before[old]), keys_of(rule), out);
  }
  for (std::size_t old = 0; old < before.size(); ++old) {
    if (met[old]) continue;
    out.push_back(
        {Kind::removed, "rule", name_of(before[old]), "", summary(keys_of(before[old]), keys_of(Rule{})), ""});
  }
}

}  // namespace

std::vector<DiffLine> diff(const Spec& before, const Spec& after) {
  std::vector<DiffLine> out;
  compare("cluster", after.cluster.name, keys_of(before.cluster), keys_of(after.cluster), out);
  compare_named("host", before.hosts, after.hosts, out);
  compare_named("vm", before.resources, after.resources, out);
  compare_rules(before.rules, after.rules, out);
  return out;
}

std::string to_string(const DiffLine& line) {
  const std::string what = line.table + (line.name.empty() ? "" : " " + line.name);
  const auto shown = [](const std::string& value) { return value.empty() ? std::string("none") : value; };
  switch (line.kind) {
    case Kind::added:
      return "+ " + what + (line.after.empty() ? "" : ": " + line.after);
    case Kind::removed:
      return "- " + what + (line.before.empty() ? "" : ": " + line.before);
    case Kind::changed:
      return "~ " + what + ": " + line.key + " " + shown(line.before) + " -> " + shown(line.after);
  }
  return "";
}

}  // namespace haven::file
