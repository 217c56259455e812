#include "month_pool.hpp"

#include <algorithm>
#include <utility>

#include "month_setup.hpp"

namespace haven::month {
namespace {

std::vector<HostView> all_in_service(const Spec& spec) {
  std::vector<HostView> views;
  for (const auto& host : spec.hosts) views.push_back({host.name, ""});
  return views;
}

std::string refusal_of(Service service) {
  switch (service) {
    case Service::in:
      return "";
    case Service::draining:
    case Service::out:
      return "is in maintenance";
    case Service::down:
      return "is down, proved";
  }
  return "";
}

}  // namespace

Pool::Pool(std::shared_ptr<const Roster> roster)
    : roster_(std::move(roster)),
      books_(roster_, all_in_service(*roster_->spec)),
      guests_(spec().resources.size()),
      hosts_(spec().hosts.size()) {}

void Pool::book(std::size_t guest, std::size_t host, Duration now) {
  books_.book(guest_name(guest), host_name(host));
  hosts_[host].booked.push_back(guest);
  hosts_[host].changed = now;
}

void Pool::release(std::size_t guest, std::size_t host, Duration now) {
  books_.release(guest_name(guest), host_name(host));
  std::erase(hosts_[host].booked, guest);
  hosts_[host].changed = now;
}

// What it did without until now belongs to how it stood.
void Pool::stand(std::size_t guest, Stand next, Duration now) {
  Guest& g = guests_[guest];
  const auto passed = std::chrono::round<std::chrono::milliseconds>(now - g.since);
  switch (g.stand) {
    case Stand::running:
    case Stand::moving:
      break;
    case Stand::starting:
      downtime_.start += passed;
      break;
    case Stand::lost:
      downtime_.proof += passed;
      break;
    case Stand::waiting:
      downtime_.room += passed;
      break;
  }
  g.stand = next;
  g.since = now;
}

void Pool::settle_accounts(Duration now) {
  for (std::size_t g = 0; g < guests_.size(); ++g) {
    if (guests_[g].stand == Stand::waiting) waits_.push_back(now - guests_[g].since);
    stand(g, guests_[g].stand, now);
  }
}

void Pool::settle(std::size_t guest, std::size_t host, Duration now) {
  book(guest, host, now);
  guests_[guest].host = host;
  stand(guest, Stand::running, now);
}

void Pool::serve(std::size_t host, Service service) {
  hosts_[host].service = service;
  books_.set_refusal(host_name(host), refusal_of(service));
}

// Its guests run on where they run.
void Pool::cut(std::size_t transfer, Duration now) {
  Transfer& t = transfers_[transfer];
  t.open = false;
  --open_moves_[static_cast<std::size_t>(t.reason)];
  for (const auto g : t.guests) {
    release(g, t.to, now);
    stand(g, Stand::running, now);
  }
}

void Pool::lose(std::size_t host, Duration now) {
  serve(host, Service::down);
  const auto there = hosts_[host].booked;
  for (const auto g : there)
    if (guests_[g].stand == Stand::moving) cut(guests_[g].transfer, now);
  for (const auto g : there)
    if (guests_[g].host == host) stand(g, Stand::lost, now);
}

std::vector<std::size_t> Pool::prove(std::size_t host, Duration now) {
  const auto lost = hosts_[host].booked;
  for (const auto g : lost) {
    release(g, host, now);
    stand(g, Stand::waiting, now);
  }
  return lost;
}

void Pool::place(std::size_t guest, std::size_t host, Duration now) {
  if (now > guests_[guest].since) waits_.push_back(now - guests_[guest].since);
  book(guest, host, now);
  guests_[guest].host = host;
  stand(guest, Stand::starting, now);
}

void Pool::started(std::size_t guest, Duration now) { stand(guest, Stand::running, now); }

std::size_t Pool::begin_move(const std::vector<std::size_t>& guests, std::size_t to, Reason reason, Duration now) {
  transfers_.push_back({guests, guests_[guests.front()].host, to, reason, true});
  ++open_moves_[static_cast<std::size_t>(reason)];
  for (const auto g : guests) {
    book(g, to, now);
    stand(g, Stand::moving, now);
    guests_[g].transfer = transfers_.size() - 1;
  }
  return transfers_.size() - 1;
}

void Pool::end_move(std::size_t transfer, Duration now) {
  Transfer& t = transfers_[transfer];
  t.open = false;
  --open_moves_[static_cast<std::size_t>(t.reason)];
  for (const auto g : t.guests) {
    release(g, t.from, now);
    hosts_[t.to].changed = now;
    guests_[g].host = t.to;
    stand(g, Stand::running, now);
    downtime_.still += std::chrono::round<std::chrono::milliseconds>(kStandsStill);
  }
}

void Pool::remember(std::size_t host) {
  auto& returning = hosts_[host].returning;
  for (const auto g : hosts_[host].booked)
    if (guests_[g].host == host) returning.push_back(g);
  std::sort(returning.begin(), returning.end());
  returning.erase(std::unique(returning.begin(), returning.end()), returning.end());
}

void Pool::tidy_returning(std::size_t host) {
  if (hosts_[host].service != Service::in) return;
  std::erase_if(hosts_[host].returning,
                [&](std::size_t g) { return guests_[g].host == host && guests_[g].stand != Stand::waiting; });
}

}  // namespace haven::month
