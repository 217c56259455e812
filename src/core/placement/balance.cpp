#include "core/placement/balance.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "core/placement/reserve_check.hpp"

namespace haven {
namespace {

// Of what is shared out: CPU in thousandths of one, memory in MiB.
enum Kind : std::size_t { cpu, memory };
using Amounts = std::array<std::int64_t, 2>;
constexpr std::array<Kind, 2> kKinds{cpu, memory};

// What copying keeps busy on either end: QEMU's migration thread.
constexpr std::int64_t kCopyingMilliCpu = 1000;
// Of the moves that are worth it so many are asked about; each is some microseconds.
constexpr std::size_t kMostAsked = 4096;

double number(std::int64_t count) { return static_cast<double>(count); }
double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

struct Node {
  Amounts used{}, size{}, all{};  // all: its size; under pressure what it used when that was measured
  std::array<bool, 2> pressed{};
  bool measured = false;  // its figures count
  bool open = false;      // and it may give and take
  std::vector<std::size_t> guests;
  [[nodiscard]] double share(Kind kind) const { return all[kind] > 0 ? number(used[kind]) / number(all[kind]) : 0; }
};

struct Guest {
  Amounts needs{};
  std::size_t at = 0;
  bool movable = false;
};

struct Candidate {
  double gain = 0, worth = 0, cost = 0;
  std::size_t guest = 0, to = 0;
  [[nodiscard]] double net() const { return worth - cost; }
};

std::string percent(double share) { return std::to_string(static_cast<int>(share * 100 + 0.5)) + " %"; }

std::string decimal(double value) {
  const auto tenths = static_cast<std::int64_t>(value * 10 + 0.5);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

class Balancing {
 public:
  explicit Balancing(const BalanceQuestion& question)
      : q_(question),
        roster_(*question.roster),
        spec_(*roster_.spec),
        books_(question.roster, question.hosts),
        nodes_(spec_.hosts.size()),
        guests_(spec_.resources.size()),
        refusals_(spec_.hosts.size(), "not joined") {
    for (const auto& view : q_.hosts)
      if (const auto h = roster_.topology.find(view.name)) refusals_[*h] = view.reason;
    reserve_.emplace(roster_, books_, refusals_);
    stand();
    measure();
    average();
    rest();
  }

  BalanceAdvice run();

 private:
  void stand();
  void measure();
  void average();
  void rest();
  [[nodiscard]] bool rests(std::size_t guest) const;
  [[nodiscard]] bool way_back(std::size_t guest, std::size_t to) const;

  [[nodiscard]] double score() const;
  // Why it should give; empty: it need not.
  [[nodiscard]] std::string stands_out(const Node& node) const;
  [[nodiscard]] std::vector<std::size_t> givers() const;
  [[nodiscard]] std::vector<std::size_t> takers() const;

  [[nodiscard]] double gain(const Guest& guest, const Node& from, const Node& to) const;
  [[nodiscard]] double copying_cost(const Node& from, const Node& to) const;
  [[nodiscard]] double copying_seconds(const Guest& guest) const;
  [[nodiscard]] bool stays_well(const Guest& guest, const Node& from, const Node& to) const;
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
  std::vector<Node> nodes_;
  std::vector<Guest> guests_;
  std::vector<std::string> refusals_;             // by host
  std::map<std::size_t, std::string> obstacles_;  // of the last search, by guest: the host that suits best, and why not
  std::optional<ReserveCheck> reserve_;
  std::array<double, 2> mean_share_{}, mean_size_{1, 1};
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
    guest.movable = load.stood >= kLoadStands && resource.live_migration && !resource.container && !rests(*r);
    nodes_[guest.at].guests.push_back(*r);
  }
  for (auto& node : nodes_)
    std::sort(node.guests.begin(), node.guests.end(),
              [this](std::size_t a, std::size_t b) { return guest_name(a) < guest_name(b); });
}

void Balancing::measure() {
  std::vector<std::int64_t> waiting(nodes_.size(), 0);
  std::vector<Amounts> had(nodes_.size(), Amounts{});
  for (const auto& load : q_.guest_loads) {
    const auto r = roster_.index(load.guest);
    if (!r) continue;
    const auto at = guests_[*r].at;
    if (!std::binary_search(nodes_[at].guests.begin(), nodes_[at].guests.end(), *r,
                            [this](std::size_t a, std::size_t b) { return guest_name(a) < guest_name(b); }))
      continue;
    waiting[at] += load.waiting.count;
    had[at][cpu] += load.cpu.count;
    had[at][memory] += load.memory.count;
  }
  for (const auto& load : q_.host_loads) {
    const auto h = roster_.topology.find(load.host);
    if (!h) continue;
    auto& node = nodes_[*h];
    // Sampled at different moments, the guests may have had more than the host.
    node.used = {std::max(load.cpu.count, had[*h][cpu]) + waiting[*h], std::max(load.memory.count, had[*h][memory])};
    node.size = {spec_.hosts[*h].cpu.count * 1000, spec_.hosts[*h].memory.count};
    node.measured = load.stood >= kLoadStands && node.size[cpu] > 0 && node.size[memory] > 0 && refusals_[*h].empty();
    node.open = node.measured;
    node.pressed = {lacks_cpu(load), lacks_memory(load)};
    node.all = node.size;
    for (const auto kind : kKinds)
      if (node.pressed[kind] && node.used[kind] > 0) node.all[kind] = std::min(node.size[kind], node.used[kind]);
  }
}

void Balancing::rest() {
  moves_left_ = q_.limits.moves;
  for (const auto& move : q_.past) {
    if (move.ago < kMovesWithin && moves_left_ > 0) --moves_left_;
    if (move.ago >= kLoadStands) continue;
    for (const auto& host : {move.from, move.to})
      if (const auto h = roster_.topology.find(host)) nodes_[*h].open = false;
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

// Sums of whole numbers: the same in whatever order they are added. Moves change neither.
void Balancing::average() {
  for (const auto kind : kKinds) {
    std::int64_t used = 0, all = 0, hosts = 0;
    for (const auto& node : nodes_)
      if (node.measured) {
        used += node.used[kind];
        all += node.size[kind];
        ++hosts;
      }
    if (hosts == 0) return;
    mean_share_[kind] = number(used) / number(all);
    mean_size_[kind] = number(all) / number(hosts);
  }
}

double Balancing::score() const {
  std::vector<double> squares;
  for (const auto& node : nodes_)
    for (const auto kind : kKinds)
      if (node.measured) squares.push_back(node.share(kind) * number(node.used[kind]) / mean_size_[kind]);
  // The same sum in whatever order the hosts stand.
  std::sort(squares.begin(), squares.end());
  return std::accumulate(squares.begin(), squares.end(), 0.0);
}

std::string Balancing::stands_out(const Node& node) const {
  const auto told = [&](const char* word, Kind kind, const std::string& rest) {
    return percent(number(node.used[kind]) / number(node.size[kind])) + " of its " + word + rest;
  };
  constexpr std::array<const char*, 2> kWords{"CPUs", "memory"};
  for (const auto kind : kKinds) {
    const auto share = node.share(kind);
    if (node.pressed[kind] && share > kBusy)
      return told(kWords[kind], kind, ", and somebody waits for it all the time");
    if (kind == cpu && share > kBusy) return told(kWords[kind], kind, "");
    if (share > mean_share_[kind] + q_.limits.uneven)
      return told(kWords[kind], kind, ", " + percent(mean_share_[kind]) + " on average");
  }
  return {};
}

std::vector<std::size_t> Balancing::givers() const {
  std::vector<std::size_t> hosts;
  for (std::size_t h = 0; h < nodes_.size(); ++h)
    if (nodes_[h].open && !stands_out(nodes_[h]).empty()) hosts.push_back(h);
  std::sort(hosts.begin(), hosts.end(), [this](std::size_t a, std::size_t b) {
    const auto fullest = [this](std::size_t h) { return std::max(nodes_[h].share(cpu), nodes_[h].share(memory)); };
    return fullest(a) != fullest(b) ? fullest(a) > fullest(b) : name(a) < name(b);
  });
  return hosts;
}

std::vector<std::size_t> Balancing::takers() const {
  std::vector<std::size_t> hosts;
  for (std::size_t h = 0; h < nodes_.size(); ++h)
    if (nodes_[h].open && !nodes_[h].pressed[cpu] && !nodes_[h].pressed[memory]) hosts.push_back(h);
  std::sort(hosts.begin(), hosts.end(), [this](std::size_t a, std::size_t b) {
    const auto both = [this](std::size_t h) { return nodes_[h].share(cpu) + nodes_[h].share(memory); };
    return both(a) != both(b) ? both(a) < both(b) : name(a) < name(b);
  });
  return hosts;
}

double Balancing::gain(const Guest& guest, const Node& from, const Node& to) const {
  double sum = 0;
  for (const auto kind : kKinds) {
    const auto moved = number(guest.needs[kind]);
    const auto less = moved * (2 * number(from.used[kind]) - moved) / number(from.all[kind]);
    const auto more = moved * (2 * number(to.used[kind]) + moved) / number(to.all[kind]);
    sum += (less - more) / mean_size_[kind];
  }
  return sum;
}

double Balancing::copying_cost(const Node& from, const Node& to) const {
  double sum = 0;
  for (const auto* node : {&from, &to})
    sum += kCopyingMilliCpu * (2 * number(node->used[cpu]) + kCopyingMilliCpu) / number(node->all[cpu]);
  return sum / mean_size_[cpu];
}

double Balancing::copying_seconds(const Guest& guest) const {
  return number(guest.needs[memory]) / number(q_.limits.bandwidth_per_second.count);
}

// The taker is not to stand out instead, unless the giver still does so more.
bool Balancing::stays_well(const Guest& guest, const Node& from, const Node& to) const {
  const auto then = [&](const Node& node, Kind kind, std::int64_t moved) {
    return number(node.used[kind] + moved) / number(node.all[kind]);
  };
  if (then(to, cpu, guest.needs[cpu]) > kBusy) return false;
  return std::all_of(kKinds.begin(), kKinds.end(), [&](Kind kind) {
    return then(to, kind, guest.needs[kind]) <=
           std::max(mean_share_[kind] + q_.limits.uneven, then(from, kind, -guest.needs[kind]));
  });
}

std::vector<Candidate> Balancing::candidates(const std::vector<std::size_t>& from,
                                             const std::vector<std::size_t>& to) const {
  std::vector<Candidate> all;
  for (const auto h : from)
    for (const auto g : nodes_[h].guests) {
      const auto& guest = guests_[g];
      if (!guest.movable) continue;
      for (const auto t : to) {
        if (t == h || !stays_well(guest, nodes_[h], nodes_[t])) continue;
        Candidate c;
        c.gain = gain(guest, nodes_[h], nodes_[t]);
        if (c.gain < kLeastGain) continue;
        c.worth = c.gain * seconds_of(kOutlook);
        c.cost = copying_cost(nodes_[h], nodes_[t]) * copying_seconds(guest);
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
  if (way_back(candidate.guest, candidate.to)) return "something came from there lately";
  if (auto why = books_.refusal(guest, name(candidate.to)); !why.empty()) return why;
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
  auto& from = nodes_[guest.at];
  auto& to = nodes_[c.to];
  BalanceMove move{guest_name(c.guest), name(guest.at), name(c.to), c.gain, c.worth, c.cost, {}, {}};
  const auto seconds = copying_seconds(guest);
  move.copying = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  move.why = move.from.str() + " uses " + stands_out(from) + "; ";
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
  std::erase(from.guests, c.guest);
  guest.at = c.to;
  guest.movable = false;
  return move;
}

void Balancing::remark(BalanceAdvice& advice) const {
  for (const auto h : givers()) {
    auto text = name(h).str() + " uses " + stands_out(nodes_[h]) + "; ";
    std::size_t hindered = 0;
    std::string example;
    for (const auto g : nodes_[h].guests) {
      const auto it = obstacles_.find(g);
      if (it == obstacles_.end()) continue;
      if (hindered++ == 0) example = guest_name(g).str() + " to " + it->second;
    }
    if (moves_left_ == 0)
      text += "enough was moved for now";
    else if (hindered == 0)
      text += "no move of one guest would be worth its cost";
    else
      text += std::to_string(hindered) + " that would help cannot move (" + example + ")";
    advice.remarks.push_back(std::move(text));
  }
}

BalanceAdvice Balancing::run() {
  BalanceAdvice advice;
  advice.score_before = score();
  while (moves_left_ > 0) {
    const auto found = best();
    if (!found) break;
    advice.moves.push_back(make(*found));
    --moves_left_;
  }
  advice.score_after = score();
  advice.complete = complete_;
  remark(advice);
  return advice;
}

}  // namespace

BalanceAdvice balance(const BalanceQuestion& question) { return Balancing(question).run(); }

}  // namespace haven
