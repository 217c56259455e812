#include "month_planner.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace haven::month {
namespace {

double processor_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// What is booked meanwhile is taken back.
class Rehearsal {
 public:
  explicit Rehearsal(Placement& books) : books_(books) { books_.begin_trial(); }
  ~Rehearsal() { books_.end_trial(); }
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

 private:
  Placement& books_;
};

}  // namespace

template <class Work>
auto Planner::timed(Decision decision, Work work) {
  const double begun = processor_ms();
  auto answer = work();
  took_[static_cast<std::size_t>(decision)].push_back(processor_ms() - begun);
  return answer;
}

std::optional<std::size_t> Planner::index(const std::optional<HostName>& host) const {
  return host ? pool_.roster().topology.find(*host) : std::nullopt;
}

std::vector<std::optional<std::size_t>> Planner::choose_all(const std::vector<std::size_t>& guests, Occasion occasion,
                                                            const std::vector<std::optional<HostName>>& arranged) {
  Placement& books = pool_.books();
  const Rehearsal rehearsal(books);
  std::vector<std::optional<std::size_t>> places;
  for (std::size_t i = 0; i < guests.size(); ++i) {
    const auto& name = pool_.guest_name(guests[i]);
    auto host = books.choose(name, {}, occasion).host;
    if (!arranged.empty() && arranged[i] && books.refusal(name, *arranged[i], {}, occasion).empty()) host = arranged[i];
    if (host) books.book(name, *host);
    places.push_back(index(host));
  }
  return places;
}

// As ClaimDesk::decide: one after the other; where some were left out, once more by an arrangement of all.
std::vector<std::optional<std::size_t>> Planner::places_now(const std::vector<std::size_t>& guests, Occasion occasion) {
  auto places = choose_all(guests, occasion, {});
  const auto placed = std::count_if(places.begin(), places.end(), [](const auto& place) { return place.has_value(); });
  if (placed == 0 || placed == std::ssize(places)) return places;
  std::vector<Wanted> wanted;
  wanted.reserve(guests.size());
  for (const auto g : guests) wanted.push_back({pool_.guest_name(g), {}, occasion});
  return choose_all(guests, occasion, pool_.books().arrange(wanted));
}

std::vector<std::optional<std::size_t>> Planner::places(std::vector<std::size_t>& guests, Decision decision) {
  const Roster& roster = pool_.roster();
  std::sort(guests.begin(), guests.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(roster.set_of[a], roster.rank[a]) < std::pair(roster.set_of[b], roster.rank[b]);
  });
  const auto occasion = decision == Decision::first_places ? Occasion::start : Occasion::recovery;
  return timed(decision, [&] { return places_now(guests, occasion); });
}

// As maintenance.cpp foresees it: one after the other, the most important first.
bool Planner::may_leave(std::size_t host) {
  auto leaving = pool_.hosts()[host].booked;
  std::sort(leaving.begin(), leaving.end(),
            [&](std::size_t a, std::size_t b) { return pool_.roster().rank[a] < pool_.roster().rank[b]; });
  Placement& books = pool_.books();
  return timed(Decision::maintenance, [&] {
    const Rehearsal rehearsal(books);
    books.set_refusal(pool_.host_name(host), "is in maintenance");
    for (const auto g : leaving) books.release(pool_.guest_name(g), pool_.host_name(host));
    const bool all = std::all_of(leaving.begin(), leaving.end(), [&](std::size_t g) {
      const auto choice = books.choose(pool_.guest_name(g));
      if (choice.host) books.book(pool_.guest_name(g), *choice.host);
      return choice.host.has_value();
    });
    books.set_refusal(pool_.host_name(host), "");
    return all;
  });
}

std::optional<std::size_t> Planner::elsewhere(const std::vector<std::size_t>& guests) {
  Placement& books = pool_.books();
  return timed(Decision::move, [&]() -> std::optional<std::size_t> {
    const Rehearsal rehearsal(books);
    const std::size_t from = pool_.guests()[guests.front()].host;
    for (const auto g : guests) books.release(pool_.guest_name(g), pool_.host_name(from));
    std::optional<std::size_t> to;
    for (const auto g : guests) {
      const auto chosen = index(books.choose(pool_.guest_name(g)).host);
      if (!chosen || *chosen == from || (to && chosen != to)) return std::nullopt;
      to = chosen;
      books.book(pool_.guest_name(g), pool_.host_name(*to));
    }
    return to;
  });
}

bool Planner::may_go(const std::vector<std::size_t>& guests, std::size_t host) {
  Placement& books = pool_.books();
  return timed(Decision::move, [&] {
    const Rehearsal rehearsal(books);
    for (const auto g : guests) books.release(pool_.guest_name(g), pool_.host_name(pool_.guests()[g].host));
    return std::all_of(guests.begin(), guests.end(), [&](std::size_t g) {
      const bool possible = books.refusal(pool_.guest_name(g), pool_.host_name(host)).empty();
      if (possible) books.book(pool_.guest_name(g), pool_.host_name(host));
      return possible;
    });
  });
}

BalanceAdvice Planner::advise(const BalanceQuestion& question) {
  return timed(Decision::balance, [&] { return balance(question); });
}

}  // namespace haven::month
