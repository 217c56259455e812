#include "daemon/etcd_member/member_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/etcd_member/engine_news.hpp"

namespace haven::daemon {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

MemberKeeper::MemberKeeper(Place place, MemberFile file, std::unique_ptr<adapter::EtcdAdmin> admin, LocalAlarms& alarms,
                           Edges edges, std::unique_ptr<EtcdProcess> process)
    : place_(std::move(place)),
      admin_(std::move(admin)),
      alarms_(alarms),
      edges_(std::move(edges)),
      file_(std::move(file)),
      process_(std::move(process)),
      thread_([this] { run(); }) {}

MemberKeeper::~MemberKeeper() { stop(); }

void MemberKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  process_.reset();
}

MemberFile MemberKeeper::file() const {
  const std::lock_guard lock(mutex_);
  return file_;
}

EtcdProcess::State MemberKeeper::process() const {
  const std::lock_guard lock(mutex_);
  return process_ ? process_->state() : EtcdProcess::State{};
}

std::string MemberKeeper::doing() const {
  const std::lock_guard lock(mutex_);
  return doing_;
}

void MemberKeeper::set_doing(const std::string& text) {
  const std::lock_guard lock(mutex_);
  doing_ = text;
}

void MemberKeeper::nudge() {
  const std::lock_guard lock(mutex_);
  nudged_ = true;
  changed_.notify_all();
}

OrWhy<Survey> MemberKeeper::look_around() {
  const MemberFile known = file();
  return survey(*admin_, known.endpoints, known.cluster, place_.tls.has_value());
}

void MemberKeeper::run() {
  // A whole cluster that comes back from the dark elects no leader before its members run: not waiting for a list.
  if (file().member != 0 && has_etcd_data(place_.state_dir)) {
    const MemberFile own = file();
    if (process_ == nullptr)
      run_etcd({own.name, own.address, etcd_folder(place_.state_dir), own.token, {}, true, false, place_.tls});
  }
  for (;;) {
    const bool busy = tick();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, busy ? kBusyTick : kIdleTick, [this] { return ending_ || nudged_; });
    nudged_ = false;
    if (ending_) return;
  }
}

bool MemberKeeper::tick() {
  const auto sight = edges_.look ? edges_.look() : std::nullopt;
  if (sight) remember(*sight);
  const auto list = list_members(*admin_, file().endpoints);
  watch_own_member();
  if (!list) {
    set_doing("");
    return true;
  }
  bool busy = follow(list->second);
  if (sight && sight->controls && sight->spec != nullptr) {
    busy = lead(*sight) || busy;
  } else {
    set_doing("");
    dead_since_.clear();
    learner_since_.clear();
    silent_since_.clear();
    alarms_.set("engine/members", "");
    alarms_.set("engine/silent", "");
  }
  return busy;
}

void MemberKeeper::save(const std::function<void(MemberFile&)>& change) {
  MemberFile next = file();
  change(next);
  if (next == file()) return;
  if (auto written = write_member_file(place_.state_dir, next); !written) {
    alarms_.set("engine/file", "what this host knows of its engine cannot be kept: " + written.error());
  } else {
    alarms_.set("engine/file", "");
  }
  const std::lock_guard lock(mutex_);
  file_ = std::move(next);
}

// E3: what a recovery will have to ask about, and which engines it may not believe.
void MemberKeeper::remember(const EngineSight& sight) {
  save([&](MemberFile& file) {
    file.epoch = std::max(file.epoch, sight.epoch);
    const auto hear = [&](const std::string& name) {
      if (!contains(file.heard, name)) file.heard.push_back(name);
    };
    if (sight.spec)
      for (const auto& host : sight.spec->hosts) hear(host.name.str());
    for (const auto& name : sight.up) hear(name);
  });
  const bool outdated = sight.epoch < file().epoch;
  alarms_.set("engine/epoch", outdated ? "this host's engine is of epoch " + std::to_string(sight.epoch.count) +
                                             ", and a recovered one of epoch " + std::to_string(file().epoch.count) +
                                             " exists: nothing is done on its word. Join that one: haven cluster join"
                                       : "");
}

bool MemberKeeper::follow(const adapter::EtcdMemberList& list) {
  const MemberFile known = file();
  const std::string peer = peer_url(known.address, place_.tls.has_value());
  const auto own = std::find_if(list.members.begin(), list.members.end(),
                                [&](const adapter::EtcdMember& m) { return contains(m.peers, peer); });
  if (own == list.members.end()) {
    // The list was brought up to date after this host could have been taken in, so it is none of the members.
    if (known.member != 0 || process_ != nullptr) take_member_away();
  } else if (process_ == nullptr || known.member != own->id) {
    start_member(list, *own);
  }
  follow_endpoints(list);
  return own != list.members.end() && (own->learner || own->name.empty());
}

void MemberKeeper::start_member(const adapter::EtcdMemberList& list, const adapter::EtcdMember& own) {
  const MemberFile known = file();
  EtcdPlan plan{known.name, known.address, etcd_folder(place_.state_dir), known.token, {}, true, false, place_.tls};
  if (known.member != own.id || !has_etcd_data(place_.state_dir)) {
    if (!own.name.empty() && known.member == own.id) {
      // It has voted, and its data is gone: started empty it could vote twice. Only a new member may begin anew.
      alarms_.set("engine/member", "the data of this host's engine member is lost: " + etcd_folder(place_.state_dir) +
                                       "; haven cluster leave, then join again");
      return;
    }
    // Data of an older membership: that member is gone for good.
    stop_etcd();
    if (auto gone = discard_etcd_data(place_.state_dir); !gone) {
      alarms_.set("engine/member", gone.error());
      return;
    }
    if (auto can = etcd_can_start(place_.state_dir, known.address); !can) {
      alarms_.set("engine/member", "this host is to vote in the engine, and cannot: " + can.error());
      return;
    }
    save([&](MemberFile& file) { file.member = own.id; });
  }
  for (const auto& member : list.members) {
    const bool is_own = member.id == own.id;
    if (!member.peers.empty() && (is_own || !member.name.empty()))
      plan.members.emplace_back(is_own ? known.name : member.name, member.peers.front());
  }
  edges_.say(false, "this host's engine member is started");
  run_etcd(plan);
}

void MemberKeeper::run_etcd(const EtcdPlan& plan) {
  const auto program = find_etcd();
  if (!program) {
    alarms_.set("engine/member", program.error());
    return;
  }
  if (auto written = replace_file_durably(etcd_config_path(place_.state_dir), etcd_config(plan)); !written) {
    alarms_.set("engine/member", written.error());
    return;
  }
  alarms_.set("engine/member", "");
  auto process =
      std::make_unique<EtcdProcess>(*program, etcd_config_path(place_.state_dir), etcd_log_path(place_.state_dir));
  const std::lock_guard lock(mutex_);
  process_ = std::move(process);
}

void MemberKeeper::stop_etcd() {
  std::unique_ptr<EtcdProcess> old;
  const std::lock_guard lock(mutex_);
  old.swap(process_);
}

void MemberKeeper::take_member_away() {
  stop_etcd();
  if (auto gone = discard_etcd_data(place_.state_dir); !gone) {
    alarms_.set("engine/member", gone.error());
    return;
  }
  save([](MemberFile& file) { file.member = 0; });
  alarms_.set("engine/member", "");
  edges_.say(false, "this host is no member of the engine any more; its member is stopped");
}

void MemberKeeper::follow_endpoints(const adapter::EtcdMemberList& list) {
  const MemberFile known = file();
  const std::string own = client_url(known.address, place_.tls.has_value());
  std::vector<std::string> endpoints;
  for (const auto& member : list.members) {
    if (member.learner) continue;
    for (const auto& client : member.clients)
      endpoints.insert(client == own ? endpoints.begin() : endpoints.end(), client);
  }
  if (endpoints.empty() || endpoints == known.endpoints) return;
  save([&](MemberFile& file) { file.endpoints = endpoints; });
  if (edges_.endpoints_changed) edges_.endpoints_changed(endpoints);
}

void MemberKeeper::watch_own_member() {
  const auto state = process();
  const bool should = file().member != 0;
  const std::string trouble = should && !state.running && state.ends > 0
                                  ? "this host's engine member ends again and again: " + state.why +
                                        "; its log: " + etcd_log_path(place_.state_dir)
                                  : "";
  alarms_.set("engine/process", trouble);
}

OrWhy<void> MemberKeeper::leave(const std::string& by) {
  const MemberFile known = file();
  const auto around = look_around();
  if (!around) return tl::unexpected("nothing was changed: " + around.error());
  Membership membership;
  membership.members = members_of(*around);
  const auto own = std::find_if(around->members.begin(), around->members.end(),
                                [&](const SurveyedMember& m) { return m.name == known.name; });
  const bool votes = own != around->members.end() && !own->member.learner;
  if (votes && !survives_without(membership, own->member.id)) {
    return tl::unexpected(membership.members.size() == 1
                              ? "this is the engine's only member, and everything stands in it; let another host join "
                                "first, or take Haven away as its documentation says"
                              : "without this host no majority of the engine's voters would answer; first bring the "
                                "silent ones back (haven cluster status)");
  }
  const auto note = [&](bool left) -> OrWhy<void> {
    const auto now = look_around();
    if (!now) return tl::unexpected(now.error());
    const auto seat = now->records.seats.find(known.name);
    if (seat == now->records.seats.end()) return {};
    SeatRecord record = seat->second.seat;
    record.left = left;
    const std::string key = engine_key::seat(known.cluster, known.name);
    const EngineNews news =
        left ? EngineNews{"leaves", known.name, fmt::format("{} leaves: haven cluster leave, by {}", known.name, by)}
             : EngineNews{"stays", known.name,
                          fmt::format("{} stays: nobody took its member out of the engine", known.name)};
    const auto done = admin_->commit(
        now->endpoint,
        {{{key, seat->second.mod}}, {port::Put{key, encode(record), {}}, entry_of(known.cluster, known.name, news)}},
        kAdminTimeout);
    if (done.outcome != port::Outcome::committed) return tl::unexpected("the engine did not take it: " + done.message);
    return {};
  };
  if (auto noted = note(true); !noted) return noted;
  const auto deadline = Clock::now() + kLeaveWithin;
  while (file().member != 0 || process().running) {
    nudge();
    std::unique_lock lock(mutex_);
    if (ending_ || Clock::now() >= deadline) {
      lock.unlock();
      (void)note(false);
      return tl::unexpected("nobody took this host's member out of the engine within " +
                            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kLeaveWithin).count()) +
                            " s; is a cluster file applied, and a controller there? It stays a member");
    }
    changed_.wait_for(lock, kBusyTick, [this] { return ending_; });
  }
  return {};
}

}  // namespace haven::daemon
