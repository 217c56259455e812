// The controller's part of the keeper: what the engine's members are, against what the file wants, one step at a time.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/model/overloaded.hpp"
#include "daemon/codec.hpp"
#include "daemon/etcd_member/engine_news.hpp"
#include "daemon/etcd_member/member_keeper.hpp"

namespace haven::daemon {
namespace {

std::string wording(const MembershipStep& step) {
  return std::visit(Overloaded{
                        [](const Settled&) { return std::string(); },
                        [](const WaitFor& s) { return s.why; },
                        [](const AddLearner& s) { return engine_words::learner(s.name); },
                        [](const Promote& s) { return engine_words::voter(s.name); },
                        [](const RemoveMember& s) { return engine_words::removed(s.name) + ": " + s.why; },
                        [](const MoveLeader& s) { return s.name + " is to lead the engine"; },
                    },
                    step);
}

// Keeps the first moment of what holds, forgets what does not; tells for how long it has held.
template <class Key, class Time>
Duration since(std::map<Key, Time>& first, const Key& key, bool holds) {
  if (!holds) {
    first.erase(key);
    return {};
  }
  const auto now = Time::clock::now();
  return now - first.try_emplace(key, now).first->second;
}

VoterList voters_of(const Survey& survey) {
  VoterList voters;
  for (const auto& m : survey.members)
    if (!m.member.learner) voters.push_back(adapter::etcd_voter_id(m.member.id));
  std::sort(voters.begin(), voters.end());
  return voters;
}

VoterList voters_after(const Survey& survey, const MembershipStep& step) {
  VoterList voters = voters_of(survey);
  if (const auto* promote = std::get_if<Promote>(&step)) voters.push_back(adapter::etcd_voter_id(promote->id));
  if (const auto* remove = std::get_if<RemoveMember>(&step)) std::erase(voters, adapter::etcd_voter_id(remove->id));
  std::sort(voters.begin(), voters.end());
  return voters;
}

// Hosts whose promise does not name these voters, in a row; empty: none. One that names none never waives.
std::string not_naming(const port::Listed& promises, const std::string& folder, const VoterList& voters) {
  std::string hosts;
  for (const auto& entry : promises.entries) {
    const std::string host = entry.key.substr(folder.size());
    const auto record = codec::decode(path::promise(HostName(host)), entry.value);
    const auto* promise = record ? std::get_if<PromiseRecord>(&*record) : nullptr;
    const bool named = promise != nullptr &&
                       (promise->voters.empty() ||
                        std::find(promise->voters.begin(), promise->voters.end(), voters) != promise->voters.end());
    if (!named) hosts += (hosts.empty() ? "" : ", ") + host;
  }
  return hosts;
}

}  // namespace

Membership MemberKeeper::membership(const EngineSight& sight, const Survey& survey) {
  Membership m = wanted_voters(*sight.spec);
  for (const std::string& name : m.wanted) {
    Seat seat;
    seat.name = name;
    const auto record = survey.records.seats.find(name);
    seat.joined = record != survey.records.seats.end();
    seat.left = seat.joined && record->second.seat.left;
    const auto failed = failed_at_.find(name);
    const bool gave_up = failed != failed_at_.end() && Clock::now() - failed->second < kSecondChance;
    // A witness is registered nowhere: its member's coming up shows that it is there.
    seat.up = !gave_up && (sight.up.contains(name) || (seat.joined && record->second.seat.witness));
    seat.dead = sight.dead.contains(name);
    seat.dead_for = since(dead_since_, name, seat.dead);
    m.seats.push_back(std::move(seat));
  }
  m.members = members_of(survey);
  for (EngineMember& member : m.members) member.learner_for = since(learner_since_, member.id, member.learner);
  return m;
}

void MemberKeeper::warn_of_space(const Survey& survey) {
  std::string full;
  for (const auto& member : survey.members) {
    if (!member.status || member.status->bytes * 100 < kEngineQuotaBytes * kQuotaAlarmPercent) continue;
    full += (full.empty() ? "" : ", ") + member.name + " (" + std::to_string(member.status->bytes >> 20) + " MiB)";
  }
  alarms_.set("engine/quota", full.empty() ? ""
                                           : "the engine's database nears its limit of " +
                                                 std::to_string(kEngineQuotaBytes >> 20) + " MiB on " + full +
                                                 ": somebody else writes there; etcdctl get --prefix --keys-only /");
  const auto alarms = admin_->alarms(survey.endpoint, kStatusTimeout);
  if (!alarms) return;
  const bool space = std::any_of(alarms->begin(), alarms->end(),
                                 [](const auto& a) { return a.alarm == adapter::EtcdAlarm::no_space; });
  const bool corrupt =
      std::any_of(alarms->begin(), alarms->end(), [](const auto& a) { return a.alarm == adapter::EtcdAlarm::corrupt; });
  alarms_.set("engine/space",
              space ? "the engine is full and takes no writes: make room, then etcdctl alarm disarm" : "");
  alarms_.set("engine/corrupt", corrupt ? "the engine's members hold different content: haven cluster status, and the "
                                          "etcd documentation on data corruption"
                                        : "");
}

bool MemberKeeper::warn_of_silence(const EngineSight& sight, const Survey& survey) {
  const std::string& witness = sight.spec->cluster.witness;
  std::vector<std::string> silent;
  bool any = false;
  for (const auto& m : survey.members) {
    const bool is_witness = !witness.empty() && m.name == witness;
    const bool there = is_witness ? !sight.misses_witness : sight.up.contains(m.name);
    const bool mute = there && !m.member.learner && !m.healthy();
    any = any || mute;
    if (since(silent_since_, m.member.id, mute) < sight.spec->cluster.lease) continue;
    silent.push_back(
        fmt::format("the engine member of {}{} does not answer, and its vote is missing: haven cluster status",
                    is_witness ? "the witness " : "", m.name));
  }
  alarms_.replace("engine/silent", std::move(silent));
  return any;
}

bool MemberKeeper::tell(const EngineSight& sight, const Survey& survey) {
  const MemberFile own = file();
  const EngineRecords& records = survey.records;
  const ToldMembers now = told_of(survey);
  // What an older version left untold is not news.
  const auto news = differences(records.told.value_or(now), now, records.change);
  if (records.told && news.empty()) return true;
  const std::string key = engine_key::members(own.cluster);
  port::Transaction transaction{{{key, records.told_mod}, {engine_key::of(own.cluster, path::kLeader), sight.leader}},
                                {port::Put{key, encode(now), {}}}};
  for (const auto& one : news) transaction.operations.push_back(entry_of(own.cluster, own.name, one));
  return admin_->commit(survey.endpoint, transaction, kAdminTimeout).outcome == port::Outcome::committed;
}

bool MemberKeeper::lead(const EngineSight& sight) {
  const auto around = look_around();
  if (!around) return true;
  warn_of_space(*around);
  const bool silent = warn_of_silence(sight, *around);
  if (!tell(sight, *around)) return true;
  const Membership m = membership(sight, *around);
  const MembershipStep step = next_step(m, place_.replace_after);
  const std::string text = wording(step);
  set_doing(text);
  alarms_.set("engine/members", std::holds_alternative<WaitFor>(step) ? "the engine's voters: " + text : "");
  if (std::holds_alternative<Settled>(step)) {
    defragment(sight, *around, m);
    return silent;
  }
  if (std::holds_alternative<WaitFor>(step)) {
    return silent || std::any_of(m.members.begin(), m.members.end(), [](const EngineMember& e) { return e.learner; });
  }
  return perform(sight, *around, step);
}

std::optional<Revision> MemberKeeper::begin_change(const EngineSight& sight, const Survey& survey,
                                                   const std::string& what) {
  const std::string cluster = file().cluster;
  const std::string key = engine_key::change(cluster);
  if (survey.records.change_mod != Revision{}) {
    if (foreign_change_.first != survey.records.change_mod) {
      foreign_change_ = {survey.records.change_mod, Clock::now()};
    } else if (Clock::now() - foreign_change_.second >= kChangeLasts) {
      end_change(survey, survey.records.change_mod);
    }
    return std::nullopt;
  }
  // A deposed controller's step must not begin (R2).
  const auto done = admin_->commit(
      survey.endpoint,
      {{{key, {}}, {engine_key::of(cluster, path::kLeader), sight.leader}}, {port::Put{key, what, {}}}}, kAdminTimeout);
  if (done.outcome != port::Outcome::committed) return std::nullopt;
  return done.revision;
}

void MemberKeeper::end_change(const Survey& survey, Revision mod) {
  const std::string key = engine_key::change(file().cluster);
  // Where this is lost, the mark grows old and is taken away by whoever controls the cluster then.
  (void)admin_->commit(survey.endpoint, {{{key, mod}}, {port::Delete{key}}}, kAdminTimeout);
}

// Promises rest on the record of the voters: what stands once it is written either names them or is seen here (P4).
std::string MemberKeeper::declare_voters(const EngineSight& sight, const Survey& survey, Revision mark,
                                         const MembershipStep& step) {
  const std::string cluster = file().cluster;
  const std::string key = engine_key::of(cluster, path::kVoters);
  const VoterList next = voters_after(survey, step);
  const auto stands = admin_->read(survey.endpoint, key, kAdminTimeout);
  if (!stands) return stands.error().why;
  const bool there = !stands->entries.empty() && stands->entries.front().key == key;
  const std::string declared = codec::encode(VotersRecord{next});
  if (!there || stands->entries.front().value != declared) {
    const port::Compare before{key, there ? stands->entries.front().mod : Revision{}};
    const auto done = admin_->commit(
        survey.endpoint,
        {{before, {engine_key::change(cluster), mark}, {engine_key::of(cluster, path::kLeader), sight.leader}},
         {port::Put{key, declared, {}}}},
        kAdminTimeout);
    if (done.outcome != port::Outcome::committed) return "the engine's next voters could not be recorded";
  }
  if (next == voters_of(survey)) return "";
  const std::string folder = engine_key::of(cluster, path::promise(HostName()));
  const auto promises = admin_->read(survey.endpoint, folder, kAdminTimeout);
  if (!promises) return promises.error().why;
  const std::string hosts = not_naming(*promises, folder, next);
  return hosts.empty() ? "" : "the promise of " + hosts + " does not name these voters yet";
}

bool MemberKeeper::perform(const EngineSight& sight, const Survey& survey, const MembershipStep& step) {
  if (Clock::now() < retry_at_) return true;
  const std::string text = wording(step);
  const auto mark = begin_change(sight, survey, text);
  if (!mark) return true;
  if (const std::string why = declare_voters(sight, survey, *mark, step); !why.empty()) {
    set_doing(text + ": not yet, " + why);
    end_change(survey, *mark);
    return true;
  }
  const auto done = change_members(survey, step);
  if (done) {
    edges_.say(false, text);
    retry_ = kFirstRetry;
    if (const auto* remove = std::get_if<RemoveMember>(&step)) {
      if (learner_since_.contains(remove->id)) failed_at_[remove->name] = Clock::now();
    } else if (const auto* promote = std::get_if<Promote>(&step)) {
      failed_at_.erase(promote->name);
    }
  } else {
    if (retry_ == kFirstRetry || done.error().kind == adapter::EtcdRefusal::Kind::refused)
      edges_.say(done.error().kind == adapter::EtcdRefusal::Kind::refused, text + ": not yet, " + done.error().why);
    retry_at_ = Clock::now() + retry_;
    retry_ = std::min(2 * retry_, kLongestRetry);
    set_doing(text + ": not yet, " + done.error().why);
  }
  // Before the mark goes, which says why. Where this fails, the next look tells it.
  if (const auto after = done ? look_around() : tl::unexpected(std::string()); after) (void)tell(sight, *after);
  // A call whose answer was lost may still be obeyed: the mark stays until that cannot be any more.
  if (done || done.error().kind != adapter::EtcdRefusal::Kind::unreachable) end_change(survey, *mark);
  return true;
}

adapter::EtcdAnswer<void> MemberKeeper::change_members(const Survey& survey, const MembershipStep& step) {
  using adapter::EtcdAnswer;
  const auto plainly = [](const auto& answer) -> EtcdAnswer<void> {
    if (!answer) return tl::unexpected(answer.error());
    return {};
  };
  return std::visit(
      Overloaded{
          [](const Settled&) -> EtcdAnswer<void> { return {}; },
          [](const WaitFor&) -> EtcdAnswer<void> { return {}; },
          [&](const AddLearner& s) {
            const std::string& address = survey.records.seats.at(s.name).seat.address;
            return plainly(
                admin_->add_learner(survey.endpoint, peer_url(address, place_.tls.has_value()), kAdminTimeout));
          },
          [&](const Promote& s) { return plainly(admin_->promote(survey.endpoint, s.id, kAdminTimeout)); },
          [&](const RemoveMember& s) { return plainly(admin_->remove(survey.endpoint, s.id, kAdminTimeout)); },
          [&](const MoveLeader& s) -> EtcdAnswer<void> {
            for (const auto& member : survey.members)
              if (member.leads() && !member.member.clients.empty())
                return admin_->move_leader(member.member.clients.front(), s.to, kAdminTimeout);
            return tl::unexpected(adapter::EtcdRefusal{adapter::EtcdRefusal::Kind::not_now, "the leader is not known"});
          },
      },
      step);
}

void MemberKeeper::defragment(const EngineSight& sight, const Survey& survey, const Membership& membership) {
  if (Clock::now() < defragment_at_) return;
  defragment_at_ = Clock::now() + kDefragmentEvery;
  std::vector<std::uint64_t> worth;
  for (const auto& member : survey.members) {
    if (member.status && member.status->bytes >= kDefragmentFrom &&
        2 * member.status->bytes_in_use <= member.status->bytes)
      worth.push_back(member.member.id);
  }
  const auto chosen = next_to_defragment(membership, worth);
  if (!chosen) return;
  for (const auto& member : survey.members) {
    if (member.member.id != *chosen || member.member.clients.empty()) continue;
    const auto mark = begin_change(sight, survey, member.name + " is defragmented");
    if (!mark) return;
    const auto done = admin_->defragment(member.member.clients.front(), kDefragmentTimeout);
    edges_.say(!done, member.name + "'s part of the engine was defragmented" + (done ? "" : ": " + done.error().why));
    end_change(survey, *mark);
  }
}

}  // namespace haven::daemon
