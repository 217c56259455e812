// How a controller writes about fences: every such transaction rests on `leader`, the spec, what is frozen and
// the fence record itself.
#pragma once

#include <string>
#include <utility>

#include "core/controller.hpp"
#include "core/liveness/accusation.hpp"

namespace haven {

inline Commit fence_commit(const View& view, const HostBoot& boot) {
  Commit commit;
  commit.lane = "fence/" + boot.first.str() + "/" + boot.second.str();
  commit.timeout = kUrgentTimeout;
  for (const auto& path : {path::kLeader, path::kSpec, path::kFreeze, path::fence(boot.first, boot.second)})
    commit.checks.push_back({path, view.mod_of(path)});
  return commit;
}

inline void check_absent(Commit& commit, const std::string& path) { commit.checks.push_back({path, Revision{}}); }
inline void check_as_seen(Commit& commit, const View& view, const std::string& path) {
  commit.checks.push_back({path, view.mod_of(path)});
}

inline JournalRecord fence_entry(const SelfView& self, Now now, JournalKind kind, const HostName& host,
                                 std::string why) {
  JournalRecord record;
  record.at = now.wall;
  record.by = self.host;
  record.kind = kind;
  record.host = host;
  record.why = std::move(why);
  return record;
}

inline void add_fence(Commit& commit, const HostBoot& boot, FenceRecord fence, Now now) {
  fence.at = now.wall;
  commit.writes.push_back({path::fence(boot.first, boot.second), fence, {}});
}
inline void add_journal(Commit& commit, JournalRecord record) {
  commit.writes.push_back({path::kNewJournal, std::move(record), {}});
}

}  // namespace haven
