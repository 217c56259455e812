#include "core/placement/balance.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "core/placement/load_score.hpp"
#include "core/placement/reserve_check.hpp"

namespace haven::balancing {
namespace {

// Of the moves that are worth it so many are asked about; each is some microseconds.
constexpr std::size_t kMostAsked = 4096;

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

struct Guest {
  Amounts needs{};
  std::size_t at = 0;
  bool measured = false;
  bool movable = false;
};

struct Candidate {
  double gain = 0, worth = 0, cost = 0;
  std::size_t guest = 0, to = 0;
  [[nodiscard]] double net() const { return worth - cost; }
};

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

std::string decimal(double value) {
  const auto tenths = std::lround(value * 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

class Balancing {
 public:
  explicit Balancing(const BalanceQuestion& question)
      : q_(question),
        roster_(*question.roster),
        spec_(*roster_.spec),
        books_(question.roster, question.hosts),
        hosts_(spec_.hosts.size()),
        open_(spec_.hosts.size(), false),
        residents_(spec_.hosts.size()),
        guests_(spec_.resources.size()),
        refusals_(spec_.hosts.size(), "not joined") {
    for (const auto& view : q_.hosts)
      if (const auto h = roster_.topology.find(view.name)) refusals_[*h] = view.reason;
    reserve_.emplace(roster_, books_, refusals_);
    stand();
    measure();
    means_ = means_of(hosts_);
    rest();
  }

  BalanceAdvice run();

 private:
  void stand();
  void measure();
  void rest();
  [[nodiscard]] bool rests(std::size_t guest) const;
  [[nodiscard]] bool way_back(std::size_t guest, std::size_t to) const;

  // Why it should give, to follow its name; empty: it need not.
  [[nodiscard]] std::string stands_out(const LoadedHost& host) const;
  [[nodiscard]] std::vector<std::size_t> givers() const;
  [[nodiscard]] std::vector<std::size_t> takers() const;

  [[nodiscard]] double copying_seconds(const Guest& guest) const;
  [[nodiscard]] bool stays_well(const Guest& guest, const LoadedHost& from, const LoadedHost& to) const;
  // By what they leave of their worth, the best first.
  [[nodiscard]] std::vector<Candidate> candidates(const std::vector<std::size_t>& from,
                                                  const std::vector<std::size_t>& to) const;
  [[nodiscard]] std::string obstacle(const Candidate& candidate);
  std::optional<Candidate> best();
  BalanceMove make(const Candidate& candidate);
  void remark(BalanceAdvice& advice) const;

  const HostName& name(std::size_t host) const { return roster_.topology.name(host); }
  const ResourceName& guest_name(std::size_t guest) const { return spec_.resources[guest].name; }

  const BalanceQuestion& q_;
  const Roster& roster_;
  const Spec& spec_;
  Placement books_;
  std::vector<LoadedHost> hosts_;
  std::vector<bool> open_;                           // by host: it may give and take
  std::vector<std::vector<std::size_t>> residents_;  // by host: guests with figures, in the order of names
  std::vector<Guest> guests_;
  std::vector<std::string> refusals_;             // by host
  std::map<std::size_t, std::string> obstacles_;  // of the last search, by guest: the host that suits best, and why not
  std::optional<ReserveCheck> reserve_;
  LoadMeans means_;
  std::size_t moves_left_ = 0;
  bool complete_ = true;
};

void Balancing::stand() {
  std::vector<int> bookings(guests_.size(), 0);
  for (const auto& s : q_.standing) {
    const auto r = roster_.index(s.resource);
    const auto h = roster_.topology.find(s.host);
    if (!r || !h) continue;
    books_.book(s.resource, s.host);
    reserve_->stands(*r, *h);
    guests_[*r].at = *h;
    ++bookings[*r];
  }
  for (const auto& load : q_.guest_loads) {
    const auto r = roster_.index(load.guest);
    if (!r || bookings[*r] != 1) continue;
    auto& guest = guests_[*r];
    const auto& resource = spec_.resources[*r];
    guest.needs = {load.cpu.count + load.waiting.count, load.memory.count};
    guest.measured = true;
    guest.movable = load.stood >= kLoadStands && can_move_live(resource) && !rests(*r);
    residents_[guest.at].push_back(*r);
  }
  for (auto& residents : residents_)
    std::sort(residents.begin(), residents.end(),
              [this](std::size_t a, std::size_t b) { return guest_name(a) < guest_name(b); });
}

void Balancing::measure() {
  std::vector<std::int64_t> waiting(hosts_.size(), 0);
  std::vector<Amounts> had(hosts_.size(), Amounts{});
  for (const auto& load : q_.guest_loads) {
    const auto r = roster_.index(load.guest);
    if (!r || !guests_[*r].measured) continue;
    const auto at = guests_[*r].at;
    waiting[at] += load.waiting.count;
    had[at][cpu] += load.cpu.count;
    had[at][memory] += load.memory.count;
  }
  for (const auto& load : q_.host_loads) {
    const auto h = roster_.topology.find(load.host);
    if (!h) continue;
    auto& host = hosts_[*h];
    // Sampled at different moments, the guests may have had more than the host.
    host.used = {std::max(load.cpu.count, had[*h][cpu]) + waiting[*h], std::max(load.memory.count, had[*h][memory])};
    host.size = {spec_.hosts[*h].cpu.count * 1000, spec_.hosts[*h].memory.count};
    host.measured = load.stood >= kLoadStands && host.size[cpu] > 0 && host.size[memory] > 0 && refusals_[*h].empty();
    open_[*h] = host.measured;
    host.pressed = {lacks_cpu(load), lacks_memory(load)};
    host.all = host.size;
    for (const auto kind : kKinds)
      if (host.pressed[kind] && host.used[kind] > 0) host.all[kind] = std::min(host.size[kind], host.used[kind]);
  }
}

void Balancing::rest() {
  moves_left_ = q_.limits.moves;
  for (const auto& move : q_.past) {
    if (move.ago < kMovesWithin && moves_left_ > 0) --moves_left_;
    if (move.ago >= kLoadStands) continue;
    for (const auto& host : {move.from, move.to})
      if (const auto h = roster_.topology.find(host)) open_[*h] = false;
  }
}

bool Balancing::rests(std::size_t guest) const {
  return std::any_of(q_.past.begin(), q_.past.end(),
                     [&](const PastMove& move) { return move.guest == guest_name(guest) && move.ago < kGuestRests; });
}

bool Balancing::way_back(std::size_t guest, std::size_t to) const {
  return std::any_of(q_.past.begin(), q_.past.end(), [&](const PastMove& move) {
    return move.from == name(to) && move.to == name(guests_[guest].at) && move.ago < kGuestRests;
  });
}

std::string Balancing::stands_out(const LoadedHost& host) const {
  const auto told = [&](const char* word, Kind kind, const std::string& rest) {
    const double share = number(host.used[kind]) / number(host.size[kind]);
    return (share > 1 ? " is asked for " : " uses ") + percent(share) + " of its " + word + rest;
  };
  constexpr std::array<const char*, 2> kWords{"CPUs", "memory"};
  for (const auto kind : kKinds) {
    const auto share = host.share(kind);
    if (host.pressed[kind] && share > kBusy)
      return told(kWords[kind], kind, ", and somebody waits for it all the time");
    if (kind == cpu && share > kBusy) return told(kWords[kind], kind, "");
    if (share > means_.share[kind] + q_.limits.uneven)
      return told(kWords[kind], kind, ", " + percent(means_.share[kind]) + " on average");
  }
  return {};
}

std::vector<std::size_t> Balancing::givers() const {
  std::vector<std::size_t> hosts;
  for (std::size_t h = 0; h < hosts_.size(); ++h)
    if (open_[h] && !stands_out(hosts_[h]).empty()) hosts.push_back(h);
  std::sort(hosts.begin(), hosts.end(), [this](std::size_t a, std::size_t b) {
    const auto fullest = [this](std::size_t h) { return std::max(hosts_[h].share(cpu), hosts_[h].share(memory)); };
    return fullest(a) != fullest(b) ? fullest(a) > fullest(b) : name(a) < name(b);
  });
  return hosts;
}

std::vector<std::size_t> Balancing::takers() const {
  std::vector<std::size_t> hosts;
  for (std::size_t h = 0; h < hosts_.size(); ++h)
    if (open_[h] && !hosts_[h].pressed[cpu] && !hosts_[h].pressed[memory]) hosts.push_back(h);
  std::sort(hosts.begin(), hosts.end(), [this](std::size_t a, std::size_t b) {
    const auto both = [this](std::size_t h) { return hosts_[h].share(cpu) + hosts_[h].share(memory); };
    return both(a) != both(b) ? both(a) < both(b) : name(a) < name(b);
  });
  return hosts;
}

double Balancing::copying_seconds(const Guest& guest) const {
  return number(guest.needs[memory]) / number(q_.limits.bandwidth_per_second.count);
}

// The taker is not to stand out instead, unless the giver still does so more.
bool Balancing::stays_well(const Guest& guest, const LoadedHost& from, const LoadedHost& to) const {
  const auto then = [&](const LoadedHost& host, Kind kind, std::int64_t moved) {
    return number(host.used[kind] + moved) / number(host.all[kind]);
  };
  if (then(to, cpu, guest.needs[cpu]) > kBusy) return false;
  return std::all_of(kKinds.begin(), kKinds.end(), [&](Kind kind) {
    return then(to, kind, guest.needs[kind]) <=
           std::max(means_.share[kind] + q_.limits.uneven, then(from, kind, -guest.needs[kind]));
  });
}

std::vector<Candidate> Balancing::candidates(const std::vector<std::size_t>& from,
                                             const std::vector<std::size_t>& to) const {
  std::vector<Candidate> all;
  for (const auto h : from)
    for (const auto g : residents_[h]) {
      const auto& guest = guests_[g];
      if (!guest.movable) continue;
      for (const auto t : to) {
        if (t == h || !stays_well(guest, hosts_[h], hosts_[t])) continue;
        Candidate c;
        c.gain = gain_of(guest.needs, hosts_[h], hosts_[t], means_);
        if (c.gain < kLeastGain) continue;
        c.worth = c.gain * seconds_of(kOutlook);
        c.cost = copying_load(hosts_[h], hosts_[t], means_) * copying_seconds(guest);
        c.guest = g;
        c.to = t;
        if (c.worth > c.cost) all.push_back(c);
      }
    }
  std::sort(all.begin(), all.end(), [this](const Candidate& a, const Candidate& b) {
    if (a.net() != b.net()) return a.net() > b.net();
    if (a.guest != b.guest) return guest_name(a.guest) < guest_name(b.guest);
    return name(a.to) < name(b.to);
  });
  return all;
}

// Empty: it may be made.
std::string Balancing::obstacle(const Candidate& candidate) {
  const auto& guest = guest_name(candidate.guest);
  const auto from = guests_[candidate.guest].at;
  static const std::vector<Refusal> kNone;
  if (way_back(candidate.guest, candidate.to)) return "something came from there lately";
  const auto own = q_.refusals.find(guest);
  if (auto why = books_.refusal(guest, name(candidate.to), own == q_.refusals.end() ? kNone : own->second);
      !why.empty())
    return why;
  const auto here = books_.liking(guest, name(from));
  if (here && books_.liking(guest, name(candidate.to)) > here) return "its file would rather have it where it is";
  if (reserve_->worsened_by(candidate.guest, from, candidate.to)) {
    complete_ = complete_ && !reserve_->exhausted();
    return "a later loss would leave more down";
  }
  return {};
}

std::optional<Candidate> Balancing::best() {
  obstacles_.clear();
  auto from = givers();
  auto to = takers();
  if (from.size() > kMostGivers || to.size() > kMostTakers) complete_ = false;
  from.resize(std::min(from.size(), kMostGivers));
  to.resize(std::min(to.size(), kMostTakers));
  std::size_t asked = 0;
  for (const auto& candidate : candidates(from, to)) {
    if (++asked > kMostAsked) {
      complete_ = false;
      break;
    }
    auto why = obstacle(candidate);
    if (why.empty()) return candidate;
    obstacles_.try_emplace(candidate.guest, name(candidate.to).str() + ": " + std::move(why));
  }
  return std::nullopt;
}

BalanceMove Balancing::make(const Candidate& c) {
  auto& guest = guests_[c.guest];
  auto& from = hosts_[guest.at];
  auto& to = hosts_[c.to];
  BalanceMove move{guest_name(c.guest), name(guest.at), name(c.to), c.gain, c.worth, c.cost, {}, {}};
  const auto seconds = copying_seconds(guest);
  move.copying = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  move.why = move.from.str() + stands_out(from) + "; ";
  for (const auto kind : kKinds) {
    from.used[kind] -= guest.needs[kind];
    to.used[kind] += guest.needs[kind];
  }
  move.why += "without " + move.guest.str() + " (" + decimal(number(guest.needs[cpu]) / 1000) + " CPUs, " +
              std::to_string(guest.needs[memory]) + " MiB) " + percent(from.share(cpu)) + " of CPUs and " +
              percent(from.share(memory)) + " of memory are used there, on " + move.to.str() + " " +
              percent(to.share(cpu)) + " and " + percent(to.share(memory)) + "; copying takes some " +
              decimal(seconds) + " s; worth " + decimal(c.worth) + ", costs " + decimal(c.cost) +
              " (seconds of a full host)";
  books_.book(move.guest, move.to);
  books_.release(move.guest, move.from);
  reserve_->moved(c.guest, guest.at, c.to);
  std::erase(residents_[guest.at], c.guest);
  guest.at = c.to;
  guest.movable = false;
  return move;
}

void Balancing::remark(BalanceAdvice& advice) const {
  for (const auto h : givers()) {
    auto text = name(h).str() + stands_out(hosts_[h]) + "; ";
    std::size_t hindered = 0;
    std::string example;
    for (const auto g : residents_[h]) {
      const auto it = obstacles_.find(g);
      if (it == obstacles_.end()) continue;
      if (hindered++ == 0) example = guest_name(g).str() + " to " + it->second;
    }
    if (moves_left_ == 0)
      text += "enough was moved within a minute";
    else if (hindered == 0)
      text += "no move of one guest would be worth its cost";
    else
      text += std::to_string(hindered) + " that would help cannot move (" + example + ")";
    advice.remarks.push_back(std::move(text));
  }
}

BalanceAdvice Balancing::run() {
  BalanceAdvice advice;
  advice.score_before = load_score(hosts_, means_);
  while (moves_left_ > 0) {
    const auto found = best();
    if (!found) break;
    advice.moves.push_back(make(*found));
    --moves_left_;
  }
  advice.score_after = load_score(hosts_, means_);
  advice.complete = complete_;
  remark(advice);
  return advice;
}

}  // namespace
}  // namespace haven::balancing

haven::BalanceAdvice haven::balance(const BalanceQuestion& question) { return balancing::Balancing(question).run(); }
