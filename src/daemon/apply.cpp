#include "daemon/apply.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/domain_text.hpp"
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

Applier::Applier(Runtime& runtime, port::FenceDevice& fence, Host here, bool single_host)
    : runtime_(runtime), fence_(fence), here_(std::move(here)), single_host_(single_host) {}

tl::expected<Applier::Present, Refusal> Applier::present() {
  (void)settle([](const Runtime::Sight& sight) { return sight.node.view().listed(); });
  Present present;
  present.capacities.push_back(here_);
  const bool seen = runtime_.see([&](const Runtime::Sight& sight) {
    const View& view = sight.node.view();
    present.listed = view.listed();
    present.cluster = sight.store.cluster();
    present.ambiguity = sight.store.ambiguity();
    present.stored = sight.store.stored();
    for (const auto& [name, member] : view.members) {
      Host host;
      host.name = name;
      host.cpu = member.value.cpu;
      host.memory = member.value.memory;
      present.capacities.push_back(host);
    }
    if (view.spec() == nullptr) return;
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
  take(judge_domains(spec, here_.name));
  take(judge_fencing(spec, fence_, limits_.validate));
  fill_capacities(spec, present.capacities);
  take(judge_capacity(spec));
  if (!refusal.errors.empty()) return;
  const auto rivals = judge_rivalries(spec);
  warnings.insert(warnings.end(), rivals.begin(), rivals.end());
  const auto admission = judge_admission(spec);
  warnings.insert(warnings.end(), admission.begin(), admission.end());
}

tl::expected<ApplyResult, Refusal> Applier::apply(const ApplyRequest& request) {
  const std::lock_guard lock(one_at_a_time_);
  auto spec = file::parse_cluster(request.text, request.file_name, file::Purpose::apply, domain_texts(request.domains));
  if (!spec) return tl::unexpected(Refusal{Refusal::Kind::bad_input, spec.error()});
  const auto now = present();
  if (!now) return tl::unexpected(now.error());

  ApplyResult result;
  Refusal refusal;
  Spec filled = *spec;
  judge(filled, *now, refusal, result.warnings);
  if (!refusal.errors.empty()) return tl::unexpected(refusal);
  codec::SpecDocument document;
  document.file_name = request.file_name;
  document.text = request.text;
  document.domains = request.domains;
  document.spec = std::make_shared<const Spec>(std::move(*spec));
  const auto cut = codec::cut(document);
  if (!cut) return tl::unexpected(Refusal{Refusal::Kind::bad_input, {error(cut.error(), "a smaller file")}});

  const Spec before = now->stored.document ? *now->stored.document->spec : Spec{};
  result.changes = file::diff(before, *document.spec);
  result.seen = request.seen.value_or(now->stored.mod);
  result.changed = cut->id != now->stored.id;
  if (request.dry_run || !result.changed) return result;
  const auto stored = store(*cut, document.spec->cluster.name, *now, result.seen);
  if (!stored) return tl::unexpected(stored.error());
  // So that who asks next is told of the new file. Its being late is no failure: it is stored.
  (void)settle([&](const Runtime::Sight& sight) { return sight.store.stored().mod >= *stored; });
  return result;
}

tl::expected<Revision, Refusal> Applier::store(const codec::CutDocument& cut, const std::string& cluster,
                                               const Present& present, Revision seen) {
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

bool Applier::settle(const std::function<bool(const Runtime::Sight&)>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + limits_.settle;
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
