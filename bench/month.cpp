#include "month.hpp"

#include <algorithm>
#include <utility>

#include "month_inside.hpp"

namespace haven::month {
namespace {

constexpr std::size_t kMostWrong = 5;
// From a power cut to a host that has joined again, at least.
constexpr Duration kRepairTakes = 5min;

}  // namespace

// What is random is drawn in an order that no decision changes: with and without the balancer the same things happen.
bool Running::begin() {
  std::vector<std::size_t> all(pool_.guests().size());
  for (std::size_t g = 0; g < all.size(); ++g) all[g] = g;
  const auto places = planner_.places(all, Decision::first_places);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!places[i]) {
      month_.refused = "no host takes " + pool_.guest_name(all[i]).str();
      return false;
    }
    pool_.settle(all[i], *places[i], now_);
  }
  const auto hosts = pool_.hosts().size();
  for (std::size_t h = 0; h < hosts; ++h) {
    foresee(lasting(failures_, options_.host_years * 365 * 24), What::host_fails, h);
    // One after the other, over the whole month.
    foresee(end_ / static_cast<std::int64_t>(hosts) * static_cast<std::int64_t>(h), What::work_due, h);
    if (h == 0 || pool_.spec().hosts[h].rack != pool_.spec().hosts[h - 1].rack)
      foresee(lasting(failures_, options_.rack_years * 365 * 24), What::rack_fails, h);
  }
  foresee(lasting(climbs_, options_.climb_days * 24 / static_cast<double>(hosts)), What::climbs, 0);
  foresee({}, What::minute, 0);
  return true;
}

void Running::lose(const std::vector<std::size_t>& hosts, double repair_hours) {
  for (const auto h : hosts) {
    ++month_.host_failures;
    ++today().failures;
    ++host_lives_[h];
    if (pool_.hosts()[h].service != Service::in) {
      ++month_.windows.cut;
      draining_.erase(h);
    }
    returning_.erase(h);
    const auto moves = pool_.open_moves();
    pool_.lose(h, now_);
    month_.moves_cut += static_cast<std::int64_t>(moves - pool_.open_moves());
    for (const auto g : pool_.hosts()[h].booked) ++guest_lives_[g];
    foresee(kRepairTakes + lasting(failures_, repair_hours), What::repaired, h, host_lives_[h]);
  }
  failed_together_.push_back(hosts);
  foresee(kProved, What::proved, failed_together_.size() - 1);
  step_lane();
}

void Running::host_fails(std::size_t host) { lose({host}, options_.repair_hours); }

void Running::rack_fails(std::size_t first_host) {
  std::vector<std::size_t> hosts;
  const auto& topology = pool_.roster().topology;
  for (const auto h : topology.hosts_in(FailureDomain::rack, topology.domain(FailureDomain::rack, first_host)))
    if (pool_.hosts()[h].service != Service::down) hosts.push_back(h);
  foresee(lasting(failures_, options_.rack_years * 365 * 24), What::rack_fails, first_host);
  if (hosts.empty()) return;
  ++month_.rack_failures;
  lose(hosts, options_.rack_hours);
}

void Running::proved(std::size_t failure) {
  std::vector<std::size_t> guests;
  for (const auto h : failed_together_[failure])
    for (const auto g : pool_.prove(h, now_)) guests.push_back(g);
  month_.failovers += std::ssize(guests);
  today().failovers += std::ssize(guests);
  if (!guests.empty()) place(std::move(guests), Decision::failover);
}

void Running::place(std::vector<std::size_t> guests, Decision decision) {
  const auto places = planner_.places(guests, decision);
  std::size_t ordered = 0;
  for (std::size_t i = 0; i < guests.size(); ++i) {
    if (!places[i]) continue;
    const auto g = guests[i];
    pool_.place(g, *places[i], now_);
    const auto commits = static_cast<std::int64_t>(ordered++ / kClaimsInACommit + 1);
    foresee(kClaimsCommitted * commits + kStarted + options_.boot, What::started, g, ++guest_lives_[g]);
  }
}

void Running::retry() {
  std::vector<std::size_t> waiting;
  for (std::size_t g = 0; g < pool_.guests().size(); ++g)
    if (pool_.guests()[g].stand == Stand::waiting) waiting.push_back(g);
  if (!waiting.empty()) place(std::move(waiting), Decision::retry);
}

void Running::repaired(std::size_t host) {
  pool_.serve(host, Service::in);
  foresee(lasting(failures_, options_.host_years * 365 * 24), What::host_fails, host, host_lives_[host]);
  returning_.insert(host);
  retry();
  step_lane();
}

void Running::begin_move(const std::vector<std::size_t>& guests, std::size_t to, Reason reason) {
  Duration copying{};
  for (const auto g : guests) copying += 1s * load_.resident(g).count / kMigrationBandwidth.count;
  if (reason != Reason::balance) month_.lane += copying;
  foresee(copying, What::moved, pool_.begin_move(guests, to, reason, now_));
}

void Running::end_of_move(std::size_t transfer) {
  if (!pool_.transfers()[transfer].open) return;
  pool_.end_move(transfer, now_);
  const Transfer& t = pool_.transfers()[transfer];
  const auto reason = static_cast<std::size_t>(t.reason);
  month_.moves[reason] += std::ssize(t.guests);
  today().moves[reason] += std::ssize(t.guests);
  watch_.moved(t, now_);
  step_lane();
}

void Running::climb() {
  foresee(lasting(climbs_, options_.climb_days * 24 / static_cast<double>(pool_.hosts().size())), What::climbs, 0);
  const auto& there = pool_.hosts()[climbs_.below(pool_.hosts().size())].booked;
  const Duration lasts = kClimbTakes + lasting(climbs_, kClimbHours);
  const auto first = climbs_.next();
  if (there.empty()) return;
  ++month_.climbs;
  std::vector<std::size_t> guests;
  for (std::size_t i = 0; i < std::min(kClimbTogether, there.size()); ++i)
    guests.push_back(there[(first + i) % there.size()]);
  load_.climb(guests, now_, lasts);
}

// Moves of one answer go on at once: none may need what another has not left yet.
void Running::begin_balance(std::size_t guest, std::size_t to) {
  if (planner_.may_go({guest}, to)) begin_move({guest}, to, Reason::balance);
}

void Running::minute() {
  foresee(1min, What::minute, 0);
  watch_.look(now_);
  retry();
  step_lane();
  if (!options_.balance || !watch_.due(now_)) return;
  const auto advice = planner_.advise(watch_.question(now_));
  watch_.answered(advice, now_);
  for (const auto& move : advice.moves)
    begin_balance(*pool_.roster().index(move.guest), *pool_.roster().topology.find(move.to));
}

void Running::audit_now() {
  if (month_.wrong.size() >= kMostWrong) return;
  if (auto wrong = audit(pool_); !wrong.empty()) month_.wrong.push_back(std::move(wrong));
}

void Running::happen(const Event& event) {
  const auto s = event.subject;
  switch (event.what) {
    case What::host_fails:
      if (event.life == host_lives_[s]) host_fails(s);
      return;
    case What::rack_fails:
      return rack_fails(s);
    case What::proved:
      return proved(s);
    case What::repaired:
      if (event.life == host_lives_[s]) repaired(s);
      return;
    case What::work_due:
      return work_due(s);
    case What::work_over:
      if (event.life == host_lives_[s]) work_over(s);
      return;
    case What::started:
      if (event.life == guest_lives_[s]) pool_.started(s, now_);
      return;
    case What::moved:
      return end_of_move(s);
    case What::climbs:
      return climb();
    case What::minute:
      return minute();
  }
}

Month Running::run() {
  if (!begin()) return std::move(month_);
  Duration audited{};
  while (events_.top().at < end_) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    happen(event);
    if (!options_.audit_often && now_ - audited < 1h) continue;
    audited = now_;
    audit_now();
  }
  now_ = end_;
  pool_.settle_accounts(now_);
  for (const auto& guest : pool_.guests())
    ++(guest.stand == Stand::running || guest.stand == Stand::moving ? month_.running : month_.not_running);
  month_.downtime = pool_.downtime();
  month_.waits = pool_.waits();
  month_.busy = watch_.busy();
  for (std::size_t d = 0; d < kDecisions; ++d) month_.took_ms[d] = planner_.took(static_cast<Decision>(d));
  return std::move(month_);
}

Month run_month(const Options& options) { return Running(options).run(); }

}  // namespace haven::month
