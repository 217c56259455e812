#include "sim/twin.hpp"

#include <variant>

namespace haven::sim {
namespace {

std::string words_of(const Action& action) {
  std::string words = "action " + std::to_string(action.index());
  if (const auto* commit = std::get_if<Commit>(&action)) {
    words += " commit " + commit->lane;
    for (const Check& check : commit->checks) words += " ?" + check.path + "@" + std::to_string(check.mod.count);
    for (const Write& write : commit->writes) words += " !" + write.path;
  }
  return words;
}

bool same(const Commit& a, const Commit& b) { return a.lane == b.lane && a.checks == b.checks && a.writes == b.writes; }

bool same(const Issued& a, const Issued& b) {
  if (a.call != b.call || a.action.index() != b.action.index()) return false;
  const auto* commit = std::get_if<Commit>(&a.action);
  return commit == nullptr || same(*commit, std::get<Commit>(b.action));
}

std::string words_of(const std::vector<Issued>& issued) {
  std::string words;
  for (const Issued& one : issued) words += " [" + std::to_string(one.call.count) + " " + words_of(one.action) + "]";
  return words.empty() ? " nothing" : words;
}

}  // namespace

std::string difference(const std::vector<Issued>& marked, const std::vector<Issued>& full) {
  bool equal = marked.size() == full.size();
  for (std::size_t i = 0; equal && i < marked.size(); ++i) equal = same(marked[i], full[i]);
  return equal ? "" : "by marks:" + words_of(marked) + "; by deriving everything:" + words_of(full);
}

}  // namespace haven::sim
