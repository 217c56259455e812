#include "daemon/etcd_member/engine_news.hpp"

#include <fmt/format.h>

#include <utility>

#include "daemon/journal_entry.hpp"
#include "daemon/names.hpp"

namespace haven::daemon {
namespace {

EngineNews news_of(std::string what, std::string about, std::string words, const std::string& change) {
  const bool ours = change.starts_with(words);
  return {std::move(what), std::move(about), ours ? change : fmt::format("{}, and not by Haven's doing", words)};
}

}  // namespace

namespace engine_words {

std::string learner(const std::string& name) { return fmt::format("{} is taken into the engine", name); }
std::string voter(const std::string& name) { return fmt::format("{} has caught up and votes in the engine", name); }
std::string removed(const std::string& name) { return fmt::format("{} is taken out of the engine", name); }

}  // namespace engine_words

port::Operation entry_of(const std::string& cluster, const std::string& by, const EngineNews& news) {
  JournalRecord record;
  record.by = HostName(by);
  record.kind = JournalKind::engine;
  // A member that is none of Haven's may call itself as it likes.
  if (codec::is_name(news.about)) record.host = HostName(news.about);
  record.level = news.what;
  record.why = news.why;
  return journal_entry(cluster, std::move(record));
}

port::Operation entry_of_proof(const std::string& cluster, const std::string& by, const std::string& host,
                               const std::string& why) {
  JournalRecord record;
  record.by = HostName(by);
  record.kind = JournalKind::fenced;
  record.host = HostName(host);
  record.level = "operator";
  record.why = why;
  return journal_entry(cluster, std::move(record));
}

ToldMembers told_of(const Survey& survey) {
  ToldMembers told;
  for (const auto& m : survey.members) told[adapter::etcd_voter_id(m.member.id)] = {called(m), !m.member.learner};
  return told;
}

std::vector<EngineNews> differences(const ToldMembers& before, const ToldMembers& now, const std::string& change) {
  std::vector<EngineNews> news;
  for (const auto& [id, member] : before)
    if (!now.contains(id)) news.push_back(news_of("removed", member.name, engine_words::removed(member.name), change));
  for (const auto& [id, member] : now) {
    const auto known = before.find(id);
    if (known != before.end() && known->second.voter == member.voter) continue;
    news.push_back(member.voter ? news_of("voter", member.name, engine_words::voter(member.name), change)
                                : news_of("learner", member.name, engine_words::learner(member.name), change));
  }
  return news;
}

}  // namespace haven::daemon
