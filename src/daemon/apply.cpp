#include "daemon/apply.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "core/model/wording.hpp"
#include "core/recovery/lifecycle.hpp"
#include "core/recovery/succession.hpp"
#include "daemon/codec.hpp"
#include "daemon/domain_text.hpp"
#include "daemon/journal_entry.hpp"
#include "daemon/judge.hpp"
#include "file/cluster_file.hpp"

namespace haven::daemon {
namespace {

// Chunks of 256 KiB: this many stay within a transaction's 1.5 MiB (PROTOCOL E1).
constexpr std::size_t kChunksPerTransaction = 4;

file::FileError error(std::string what, std::string wanted) {
  return {.file = {}, .line = 0, .column = 0, .what = std::move(what), .wanted = std::move(wanted)};
}

tl::unexpected<Refusal> refused(std::string what, std::string wanted) {
  return tl::unexpected(Refusal{Refusal::Kind::refused, {error(std::move(what), std::move(wanted))}});
}

std::string losses_in_words(const Spec& spec) {
  const int reserve = spec.cluster.reserve;
  if (reserve == 0) return "without any loss";
  return reserve == 1 ? "after one loss" : "after " + std::to_string(reserve) + " losses";
}

// `spec` with what is no resource kept from the resources. What only this file makes a resource may be among that, and
// is not counted twice: `known` is the file before it.
Spec before_others(Spec spec, const std::map<HostName, Footprint>& others, const Spec& known) {
  Footprint fresh;
  for (const Resource& resource : spec.resources) {
    if (known.resource(resource.name) != nullptr) continue;
    fresh.memory += resource.memory;
    fresh.cpu += resource.cpu;
  }
  for (Host& host : spec.hosts) {
    const auto found = others.find(host.name);
    if (found == others.end()) continue;
    const auto memory = std::max<std::int64_t>(0, (found->second.memory - fresh.memory).count);
    const auto vcpus = std::max<std::int64_t>(0, (found->second.cpu - fresh.cpu).count);
    host.keep_memory += MiB{memory};
    host.keep_cpu += Vcpu{std::llround(std::floor(static_cast<double>(vcpus) / spec.cluster.cpu_overcommit))};
  }
  return spec;
}

// Of what a host cannot run, what it may.
std::vector<Unfit> allowed_part(const Spec& spec, const HostName& host, std::vector<Unfit> unfit) {
  const auto allowed = allowed_on(spec, host);
  std::erase_if(unfit, [&](const Unfit& one) {
    return std::none_of(allowed.begin(), allowed.end(), [&](const Resource& r) { return r.name == one.resource; });
  });
  return unfit;
}

tl::unexpected<Refusal> refused(const port::TransactionDone& done) {
  if (done.outcome == port::Outcome::conflict) {
    return refused("the cluster's file was changed meanwhile", "look at `haven diff`, then apply again");
  }
  const bool unknown = done.outcome == port::Outcome::unknown;
  return refused(unknown ? "the engine did not answer; whether it was stored is not known: " + done.message
                         : "the engine refused it: " + done.message,
                 unknown ? "look at `haven diff` once the engine answers" : "an engine that takes it");
}

}  // namespace

Applier::Applier(Runtime& runtime, port::FenceDevice& fence, Host here, bool single_host, Lacking lacking)
    : runtime_(runtime),
      fence_(fence),
      here_(std::move(here)),
      single_host_(single_host),
      lacking_(std::move(lacking)) {}

tl::expected<Applier::Present, Refusal> Applier::present() {
  (void)settle([](const Runtime::Sight& sight) { return sight.node.view().listed(); }, limits_.settle);
  Present present;
  present.capacities.push_back(here_);
  const bool seen = runtime_.see([&](const Runtime::Sight& sight) {
    const View& view = sight.node.view();
    present.listed = view.listed();
    present.cluster = sight.store.cluster();
    present.ambiguity = sight.store.ambiguity();
    present.stored = sight.store.stored();
    for (const auto& [name, fit] : view.fits) {
      if (!holds_member_key(view, name, fit.value.incarnation)) continue;
      present.fits.by_host[name] = fit.value;
      present.fits.mods[name] = fit.mod;
    }
    for (const auto& [name, status] : view.status) present.others[name] = others_on(view, name);
    for (const auto& [name, member] : view.members) {
      Host host;
      host.name = name;
      host.cpu = member.value.cpu;
      host.memory = member.value.memory;
      present.capacities.push_back(host);
    }
    if (view.spec() == nullptr) return;
    present.replacing = replacement_under_way(view);
    for (const auto& [name, claim] : view.claims) {
      const Resource* resource = view.spec()->resource(name);
      if (resource != nullptr && !claim_closed(view, name)) present.running[name] = resource->uuid;
    }
  });
  if (!seen) return refused("havend has too much to do", "try again");
  if (!present.listed) {
    return refused("the engine is out of reach", "look at `haven status` and at the engine's own log");
  }
  if (!present.ambiguity.empty()) {
    return refused(present.ambiguity, "cluster = \"NAME\" in havend.toml");
  }
  return present;
}

void Applier::judge(Spec& spec, const Present& present, Refusal& refusal, std::vector<std::string>& warnings) {
  for (const Resource& resource : spec.resources) {
    const auto it = present.running.find(resource.name);
    if (it != present.running.end() && it->second != resource.uuid) {
      refusal.errors.push_back(error(resource.name.str() + " is another domain now (its uuid changed) and still runs",
                                     "stop it first, or give the new domain a name of its own"));
    }
  }
  const auto take = [&](const Findings& findings) {
    if (!findings.empty()) refusal.kind = Refusal::Kind::bad_input;
    refusal.errors.insert(refusal.errors.end(), findings.begin(), findings.end());
  };
  if (!present.cluster.empty() && present.cluster != spec.cluster.name) {
    take({error("the cluster is called " + present.cluster + ", the file calls it " + spec.cluster.name,
                "name = \"" + present.cluster + "\" in [cluster]")});
  }
  if (single_host_ && (spec.hosts.size() != 1 || spec.hosts.front().name != here_.name)) {
    take({error("the embedded engine serves one host",
                "one [[host]], with name = \"" + here_.name.str() + "\"; for more, engine = \"etcd\" in havend.toml")});
  } else if (spec.host(here_.name) == nullptr) {
    warnings.push_back("this host (" + here_.name.str() + ") is not in the file");
  }
  take(judge_domains(spec, here_.name, false));
  take(judge_fencing(spec, fence_, limits_.validate));
  file::fill_capacities(spec, present.capacities);
  take(judge_capacity(spec));
  if (!refusal.errors.empty()) return;
  const auto hazards = judge_hazards(spec);
  warnings.insert(warnings.end(), hazards.begin(), hazards.end());
}

tl::expected<void, Refusal> Applier::admit(const ApplyRequest& request, const Present& present, const Spec& filled,
                                           Spec& spec, std::vector<std::string>& warnings) {
  Spec before = present.stored.document ? *present.stored.document->spec : Spec{};
  file::fill_capacities(before, present.capacities);
  const AdmissionJudged judged =
      judge_admission(before_others(before, present.others, before), before_others(filled, present.others, before));
  const auto is_in = [](const std::vector<ResourceName>& list, const ResourceName& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (Resource& resource : spec.resources) {
    const Resource* old = before.resource(resource.name);
    const bool chosen = request.unprotected || (old != nullptr && old->unprotected);
    resource.unprotected = chosen && (!judged.known || is_in(judged.unprotected, resource.name));
  }
  if (judged.fresh.empty() || request.unprotected) {
    warnings.insert(warnings.end(), judged.reasons.begin(), judged.reasons.end());
    return {};
  }
  Refusal refusal;
  refusal.errors.push_back(error(listed(texts_of(judged.fresh)) + " would stay down " + losses_in_words(filled),
                                 "room for all of it, a lower reserve, tolerate = \"guest\" where that is meant, or "
                                 "`haven apply --unprotected`, which records that it is accepted"));
  for (const std::string& reason : judged.reasons) refusal.errors.push_back(error(reason, "that room, or less to run"));
  return tl::unexpected(refusal);
}

FitAnswers Applier::ask_hosts(const Spec& spec, const Present& present) {
  FitAnswers answers;
  const std::vector<Need> needs = needs_of(spec.resources, spec.hosts.size() > 1);
  std::vector<HostName> asked;
  for (const auto& [host, fit] : present.fits.by_host)
    if (spec.host(host) != nullptr) asked.push_back(host);
  if (needs.empty()) return answers;
  if (!asked.empty()) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const QuestionRecord question{
        here_.name.str() + "-" + std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count()),
        needs};
    port::Transaction ask;
    ask.operations.emplace_back(
        port::Put{codec::Assembler::kRoot + present.cluster + "/" + path::kQuestion, codec::encode(question), {}});
    const bool put = runtime_.commit(std::move(ask), limits_.commit).outcome == port::Outcome::committed;
    if (put) answers.id = question.id;
    const auto collect = [&](const Runtime::Sight& sight) {
      const View& view = sight.node.view();
      for (const HostName& host : asked) {
        const auto fit = view.fits.find(host);
        if (fit == view.fits.end() || fit->second.value.answered != question.id) continue;
        answers.by_host[host] = fit->second.value;
        answers.mods[host] = fit->second.mod;
      }
      return answers.by_host.size() == asked.size();
    };
    if (put) (void)settle(collect, limits_.answers);
  }
  for (const HostName& host : asked)
    if (!answers.by_host.contains(host)) answers.silent.push_back(host);
  const bool own_part = spec.host(here_.name) != nullptr && !answers.by_host.contains(here_.name);
  if (own_part && lacking_)
    if (const auto own = lacking_(needs)) {
      answers.by_host[here_.name] = FitRecord{{}, {}, {}, *own};
      std::erase(answers.silent, here_.name);
    }
  return answers;
}

tl::expected<ApplyResult, Refusal> Applier::apply(const ApplyRequest& request) {
  const std::lock_guard lock(one_at_a_time_);
  auto spec = file::parse_cluster(request.text, request.file_name, file::Purpose::apply, domain_texts(request.domains));
  if (!spec) return tl::unexpected(Refusal{Refusal::Kind::bad_input, spec.error()});
  const auto now = present();
  if (!now) return tl::unexpected(now.error());
  // Once more, by the capacities that the hosts reported: what cannot hold on these is refused at its place.
  if (const auto again = file::parse_cluster(request.text, request.file_name, file::Purpose::apply,
                                             domain_texts(request.domains), now->capacities);
      !again) {
    return tl::unexpected(Refusal{Refusal::Kind::bad_input, again.error()});
  }

  std::vector<std::string> warnings;
  if (auto barred = judge_replacements(*now, *spec, request.dry_run, warnings); !barred)
    return tl::unexpected(barred.error());
  auto result = take(request, std::move(*spec), *now);
  if (result) result->warnings.insert(result->warnings.begin(), warnings.begin(), warnings.end());
  return result;
}

tl::expected<ApplyResult, Refusal> Applier::take(const ApplyRequest& request, Spec spec, const Present& present) {
  ApplyResult result;
  Refusal refusal;
  Spec filled = spec;
  judge(filled, present, refusal, result.warnings);
  if (!refusal.errors.empty()) return tl::unexpected(refusal);
  FitAnswers fits = ask_hosts(filled, present);
  const FitJudged fitness = judge_fitness(filled, fits);
  for (const std::string& sentence : fitness.nowhere)
    refusal.errors.push_back(error(sentence, "a domain that some host can run, or a host that has what it needs"));
  if (!refusal.errors.empty()) return tl::unexpected(refusal);
  result.warnings.insert(result.warnings.end(), fitness.warnings.begin(), fitness.warnings.end());
  if (auto admitted = admit(request, present, filled, spec, result.warnings); !admitted)
    return tl::unexpected(admitted.error());
  codec::SpecDocument document;
  document.file_name = request.file_name;
  document.text = request.text;
  document.domains = request.domains;
  document.spec = std::make_shared<const Spec>(std::move(spec));
  const auto cut = codec::cut(document);
  if (!cut) return tl::unexpected(Refusal{Refusal::Kind::bad_input, {error(cut.error(), "a smaller file")}});

  const Spec before = present.stored.document ? *present.stored.document->spec : Spec{};
  result.changes = file::diff(before, *document.spec);
  for (const Resource& resource : document.spec->resources) {
    const Resource* old = before.resource(resource.name);
    const bool was = old != nullptr && old->unprotected;
    if (was == resource.unprotected) continue;
    const auto words = [](bool unprotected) { return unprotected ? "unprotected, by choice" : "as reserve promises"; };
    result.changes.push_back({file::DiffLine::Kind::changed, "vm", resource.name.str(), "protection", words(was),
                              words(resource.unprotected)});
  }
  result.seen = request.seen.value_or(present.stored.mod);
  result.changed = cut->id != present.stored.id;
  if (request.dry_run || !result.changed) return result;
  const auto stored = store(request, *cut, *document.spec, present, fits, result.seen);
  if (!stored) return tl::unexpected(stored.error());
  // So that who asks next is told of the new file. Its being late is no failure: it is stored.
  (void)settle([&](const Runtime::Sight& sight) { return sight.store.stored().mod >= *stored; }, limits_.settle);
  return result;
}

tl::expected<Revision, Refusal> Applier::store(const ApplyRequest& request, const codec::CutDocument& cut,
                                               const Spec& spec, const Present& present, const FitAnswers& fits,
                                               Revision seen) {
  const std::string& cluster = spec.cluster.name;
  const auto key = [&](const std::string& path) { return codec::Assembler::kRoot + cluster + "/" + path; };
  // The pieces mean nothing until spec/current names them; it is flipped only if all are still as they were written.
  port::Transaction flip;
  flip.compares.push_back({key(path::kSpec), seen});
  for (std::size_t n = 0; n < cut.chunks.size(); n += kChunksPerTransaction) {
    port::Transaction pieces;
    const std::size_t end = std::min(n + kChunksPerTransaction, cut.chunks.size());
    for (std::size_t i = n; i < end; ++i) {
      pieces.operations.emplace_back(port::Put{key(cut.chunks[i].path), cut.chunks[i].value, {}});
    }
    const auto done = runtime_.commit(std::move(pieces), limits_.commit);
    if (done.outcome != port::Outcome::committed) return refused(done);
    for (std::size_t i = n; i < end; ++i) flip.compares.push_back({key(cut.chunks[i].path), done.revision});
  }
  flip.operations.emplace_back(port::Put{key(path::kSpec), cut.current, {}});
  // Their answers count from the moment on at which the file does: nobody is sent where he cannot run meanwhile.
  for (const auto& [host, fit] : fits.by_host) {
    const auto mod = fits.mods.find(host);
    if (mod == fits.mods.end() || flip.compares.size() >= port::kMaxCompares) continue;
    FitRecord next = fit;
    next.unfit = allowed_part(spec, host, fit.answer);
    flip.compares.push_back({key(path::fit(host)), mod->second});
    flip.operations.emplace_back(port::Put{key(path::fit(host)), codec::encode(next), {}});
  }
  if (request.unprotected) {
    std::vector<ResourceName> accepted;
    for (const Resource& resource : spec.resources)
      if (resource.unprotected) accepted.push_back(resource.name);
    JournalRecord record;
    record.by = here_.name;
    record.kind = JournalKind::applied;
    record.why = listed(texts_of(accepted)) + " may stay down " + losses_in_words(spec) + ": accepted by " +
                 (request.by.empty() ? "whoever applied the file" : request.by);
    if (!accepted.empty()) flip.operations.emplace_back(journal_entry(cluster, std::move(record)));
  }
  for (const auto& old : present.stored.chunks) {
    const bool kept =
        std::any_of(cut.chunks.begin(), cut.chunks.end(), [&](const auto& c) { return c.path == old.first; });
    if (!kept && flip.operations.size() < port::kMaxOperations) {
      flip.operations.emplace_back(port::Delete{key(old.first)});
    }
  }
  const auto done = runtime_.commit(std::move(flip), limits_.commit);
  if (done.outcome != port::Outcome::committed) return refused(done);
  return done.revision;
}

bool Applier::settle(const std::function<bool(const Runtime::Sight&)>& holds, Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const std::uint64_t news = runtime_.wait_news(0, 0s);
    bool held = false;
    if (!runtime_.see([&](const Runtime::Sight& sight) { held = holds(sight); })) return false;
    const auto left = deadline - std::chrono::steady_clock::now();
    if (held || left <= Duration::zero()) return held;
    (void)runtime_.wait_news(news, left);
  }
}

}  // namespace haven::daemon
