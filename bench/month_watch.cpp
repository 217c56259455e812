#include "month_watch.hpp"

#include <algorithm>
#include <utility>

namespace haven::month {
namespace {

constexpr std::size_t kMinutesOfAnHour = 60;
// Where more is wanted than there is, somebody waits all the time: above the line of lacks_cpu.
constexpr Pressure kWaitsAlways{100, 0};

double share(std::int64_t used, std::int64_t size) { return static_cast<double>(used) / static_cast<double>(size); }

}  // namespace

Watch::Watch(const Pool& pool, const Load& load)
    : pool_(pool),
      load_(load),
      guest_cpu_(pool.guests().size()),
      host_cpu_(pool.hosts().size()),
      host_memory_(pool.hosts().size()),
      minutes_over_(pool.hosts().size()) {}

void Watch::measure(Duration now) {
  std::fill(host_cpu_.begin(), host_cpu_.end(), 0);
  std::fill(host_memory_.begin(), host_memory_.end(), 0);
  for (std::size_t g = 0; g < guest_cpu_.size(); ++g) {
    const Guest& guest = pool_.guests()[g];
    guest_cpu_[g] = 0;
    if (guest.stand != Stand::running && guest.stand != Stand::moving) continue;
    guest_cpu_[g] = load_.wanted(g, now).count;
    host_cpu_[guest.host] += guest_cpu_[g];
    host_memory_[guest.host] += load_.resident(g).count;
  }
}

void Watch::count() {
  std::vector<double> shares;
  for (std::size_t h = 0; h < host_cpu_.size(); ++h) {
    const auto size = pool_.spec().hosts[h].cpu.count * 1000;
    const auto service = pool_.hosts()[h].service;
    const bool runs = service == Service::in || service == Service::draining;
    const bool over = runs && share(host_cpu_[h], size) > kBusy;
    if (!over && minutes_over_[h] > 0) busy_.times_over.push_back(std::exchange(minutes_over_[h], 0));
    if (!runs) continue;
    shares.push_back(share(host_cpu_[h], size));
    ++busy_.host_minutes;
    busy_.host_minutes_over += over ? 1 : 0;
    minutes_over_[h] += over ? 1 : 0;
    busy_.milli_cpu_minutes += std::max<std::int64_t>(0, host_cpu_[h] - size);
  }
  if (minutes_++ % kMinutesOfAnHour == 0) busy_.hours.emplace_back();
  if (shares.empty()) return;
  std::sort(shares.begin(), shares.end());
  Hour& hour = busy_.hours.back();
  hour.median += shares[shares.size() / 2] / kMinutesOfAnHour;
  hour.p99 += shares[(shares.size() - 1) * 99 / 100] / kMinutesOfAnHour;
  hour.busiest += shares.back() / kMinutesOfAnHour;
}

void Watch::find_those_that_stand_out() {
  stand_out_.clear();
  double cpu = 0, memory = 0, hosts = 0;
  const auto shares = [&](std::size_t h) {
    const Host& host = pool_.spec().hosts[h];
    return std::pair(share(host_cpu_[h], host.cpu.count * 1000), share(host_memory_[h], host.memory.count));
  };
  for (std::size_t h = 0; h < host_cpu_.size(); ++h) {
    if (!open(h)) continue;
    cpu += shares(h).first;
    memory += shares(h).second;
    ++hosts;
  }
  for (std::size_t h = 0; h < host_cpu_.size(); ++h) {
    const auto [c, m] = shares(h);
    const bool out = c > kBusy || c > cpu / hosts + kUneven || m > memory / hosts + kUneven;
    if (open(h) && out) stand_out_.insert(h);
  }
}

void Watch::look(Duration now) {
  measure(now);
  count();
  find_those_that_stand_out();
}

bool Watch::due(Duration now) const {
  if (stand_out_.empty()) return false;
  const auto lately =
      std::count_if(past_.begin(), past_.end(), [&](const Past& past) { return now - past.ended < kMovesWithin; });
  if (pool_.open_moves(Reason::balance) + static_cast<std::size_t>(lately) >= kMovesAtOnce) return false;
  const bool another = !std::includes(left_.begin(), left_.end(), stand_out_.begin(), stand_out_.end());
  return another || left_.empty() || now - left_at_ >= kOutlook;
}

BalanceQuestion Watch::question(Duration now) {
  BalanceQuestion q;
  q.roster = pool_.shared_roster();
  std::erase_if(past_, [&](const Past& past) { return now - past.ended >= kGuestRests; });
  for (const auto& past : past_) {
    q.past.push_back(past.move);
    q.past.back().ago = now - past.ended;
  }
  q.limits.moves -= std::min(q.limits.moves, pool_.open_moves(Reason::balance));
  for (std::size_t h = 0; h < pool_.hosts().size(); ++h) {
    const HostNow& host = pool_.hosts()[h];
    const auto size = pool_.spec().hosts[h].cpu.count * 1000;
    q.hosts.push_back({pool_.host_name(h), open(h) ? "" : "is out of service"});
    if (!open(h)) continue;
    q.host_loads.push_back({pool_.host_name(h),
                            {std::min(host_cpu_[h], size)},
                            {host_memory_[h]},
                            host_cpu_[h] > size ? kWaitsAlways : Pressure{},
                            {},
                            now - host.changed});
  }
  q.standing.reserve(guest_cpu_.size());
  q.guest_loads.reserve(guest_cpu_.size());
  for (std::size_t g = 0; g < guest_cpu_.size(); ++g) {
    const Guest& guest = pool_.guests()[g];
    if (guest.stand == Stand::waiting) continue;
    q.standing.push_back({pool_.guest_name(g), pool_.host_name(guest.host)});
    if (guest.stand == Stand::moving)
      q.standing.push_back({pool_.guest_name(g), pool_.host_name(pool_.transfers()[guest.transfer].to)});
    if (guest.stand != Stand::running) continue;
    // Where a host has too little, each has its part of what there is.
    const auto size = pool_.spec().hosts[guest.host].cpu.count * 1000;
    const auto had = host_cpu_[guest.host] > size ? guest_cpu_[g] * size / host_cpu_[guest.host] : guest_cpu_[g];
    q.guest_loads.push_back({pool_.guest_name(g), {had}, {guest_cpu_[g] - had}, load_.resident(g), now - guest.since});
  }
  return q;
}

void Watch::answered(const BalanceAdvice& advice, Duration now) {
  left_.clear();
  left_at_ = now;
  if (advice.moves.empty()) left_ = stand_out_;
}

void Watch::moved(const Transfer& transfer, Duration now) {
  if (transfer.reason != Reason::balance) return;
  for (const auto g : transfer.guests)
    past_.push_back(
        {{pool_.guest_name(g), pool_.host_name(transfer.from), pool_.host_name(transfer.to), Duration{}}, now});
}

Busy Watch::busy() const {
  Busy busy = busy_;
  for (const auto minutes : minutes_over_)
    if (minutes > 0) busy.times_over.push_back(minutes);
  return busy;
}

}  // namespace haven::month
