#include "daemon/fitness.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "adapter/libvirt/domain_needs.hpp"
#include "daemon/codec.hpp"
#include "daemon/judge.hpp"

namespace haven::daemon {
namespace {

constexpr Duration kCommit = 5s;
// The end of havend does not wait longer.
constexpr Duration kListen = 1s;

}  // namespace

std::vector<Need> needs_of(const std::vector<Resource>& resources, bool many_hosts) {
  std::vector<Need> needs;
  std::map<libvirt::DomainNeed, std::size_t> place;
  for (const Resource& resource : resources) {
    const auto own = libvirt::needs_of(resource.xml);
    if (!own) continue;
    for (const libvirt::DomainNeed& need : *own) {
      const bool state = need.kind == libvirt::need::kUefi || need.kind == libvirt::need::kTpm;
      if (state && !many_hosts) continue;
      const auto [it, fresh] = place.try_emplace(need, needs.size());
      if (fresh) needs.push_back({need.kind, need.name, {}});
      needs[it->second].resources.push_back(resource.name);
    }
  }
  return needs;
}

std::vector<Resource> allowed_on(const Spec& spec, const HostName& host) {
  std::vector<Resource> allowed;
  for (const Resource& resource : spec.resources)
    if (may_run_on(resource, host)) allowed.push_back(resource);
  return allowed;
}

Fitness::Fitness(Runtime& runtime, HostName here, Incarnation incarnation, Lacking lacking)
    : runtime_(runtime),
      here_(std::move(here)),
      incarnation_(std::move(incarnation)),
      lacking_(std::move(lacking)),
      thread_([this] { serve(); }) {}

Fitness::~Fitness() {
  ending_ = true;
  thread_.join();
}

void Fitness::serve() {
  std::uint64_t news = 0;
  std::chrono::steady_clock::time_point looked;
  while (!ending_) {
    news = runtime_.wait_news(news, kListen);
    Known known;
    if (!see(known) || !known.registered || !known.spec) continue;
    const bool asked = !known.question.id.empty() && known.question.id != known.said.answered;
    const bool said = known.said_mod != Revision{} && known.said == found_;
    const bool due = std::chrono::steady_clock::now() - looked >= (found_.unfit.empty() ? kLookAgain : kLookAgainSoon);
    if (said && !asked && !due && spec_ == known.spec) continue;
    look(known);
    looked = std::chrono::steady_clock::now();
  }
}

bool Fitness::see(Known& known) const {
  return runtime_.see([&](const Runtime::Sight& sight) {
    const View& view = sight.node.view();
    known.spec = view.shared_spec();
    known.cluster = sight.store.cluster();
    known.registered = view.listed() && holds_member_key(view, here_, incarnation_);
    known.member_mod = view.mod_of(path::member(here_));
    if (view.question) known.question = view.question->value;
    known.said_mod = view.mod_of(path::fit(here_));
    if (const auto said = view.fits.find(here_); said != view.fits.end()) known.said = said->second.value;
  });
}

void Fitness::look(const Known& known) {
  FitRecord record{incarnation_, {}, {}, {}};
  const auto unfit = lacking_(needs_of(allowed_on(*known.spec, here_), known.spec->hosts.size() > 1));
  // Not to be told now: what was said stands.
  if (!unfit) return;
  record.unfit = *unfit;
  if (!known.question.id.empty()) {
    const auto answer = lacking_(known.question.needs);
    if (!answer) return;
    record.answered = known.question.id;
    record.answer = *answer;
  }
  spec_ = known.spec;
  found_ = record;
  if (known.said_mod != Revision{} && known.said == record) return;
  const auto key = [&](const std::string& path) { return codec::Assembler::kRoot + known.cluster + "/" + path; };
  port::Transaction transaction;
  transaction.compares.push_back({key(path::member(here_)), known.member_mod});
  transaction.compares.push_back({key(path::fit(here_)), known.said_mod});
  transaction.operations.emplace_back(port::Put{key(path::fit(here_)), codec::encode(record), {}});
  // A conflict shows in the next sight, and is looked at again.
  (void)runtime_.commit(std::move(transaction), kCommit);
}

}  // namespace haven::daemon
