// `haven replace` at havend's end: the stored file with a successor in it, and without the one that is left behind. The
// operator's own text stays as he wrote it; until it names the successor, it is not applied over it.
#include <algorithm>
#include <chrono>
#include <utility>

#include "adapter/libvirt/domain_links.hpp"
#include "core/model/wording.hpp"
#include "core/recovery/succession.hpp"
#include "daemon/apply.hpp"
#include "daemon/domain_text.hpp"
#include "daemon/names.hpp"

namespace haven::daemon {
namespace {

file::FileError error(std::string what, std::string wanted) {
  return {.file = {}, .line = 0, .column = 0, .what = std::move(what), .wanted = std::move(wanted)};
}
tl::unexpected<Refusal> bad_input(std::string what, std::string wanted) {
  return tl::unexpected(Refusal{Refusal::Kind::bad_input, {error(std::move(what), std::move(wanted))}});
}
tl::unexpected<Refusal> refused(std::string what, std::string wanted) {
  return tl::unexpected(Refusal{Refusal::Kind::refused, {error(std::move(what), std::move(wanted))}});
}

WallTime wall_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

bool is_taken(const Spec& spec, const ResourceName& name) {
  return spec.resource(name) != nullptr || spec.host(HostName(name.str())) != nullptr ||
         spec.cluster.witness == name.str();
}

// Where the file that was sent calls this XML.
std::string path_of(const codec::SpecDocument& document, const std::string& xml) {
  for (const auto& [path, text] : document.domains)
    if (text == xml) return path;
  return "";
}

// The successor as it would stand in the file; the error names what is wrong with it.
tl::expected<Resource, Refusal> successor_of(const ReplaceRequest& request, const Spec& spec) {
  const std::string example = "--name " + request.resource.str() + "-new";
  const bool reserved = request.name.str() == "all" || request.name.str() == "any" || request.name.str() == "link";
  if (!codec::is_name(request.name.str()) || reserved)
    return bad_input("\"" + request.name.str() + "\" is no name of a resource", "[a-z0-9][a-z0-9-]*, as " + example);
  if (is_taken(spec, request.name))
    return bad_input("the name " + request.name.str() + " is taken",
                     "a name that nothing in the file bears: " + example);
  const auto text = domain_text(request.xml);
  if (!text) return bad_input(request.xml_path + ": " + text.error(), "a libvirt domain XML");
  const Resource& old = *spec.resource(request.resource);
  if (text->container) return bad_input(request.xml_path + " is a container", "a QEMU domain, as the old one is");
  for (const auto& [path, xml] : {std::pair(request.xml_path, request.xml), std::pair(old.name.str(), old.xml)})
    if (const auto problems = libvirt::link_problems(xml); !problems.empty())
      return bad_input(path + ": " + problems.front(), "network interfaces whose link libvirt can put up and down");
  for (const Resource& other : spec.resources) {
    if (other.uuid == text->uuid)
      return bad_input(request.xml_path + " has the uuid of " + other.name.str(), "a uuid of its own: uuidgen");
    const auto known = domain_text(other.xml);
    if (known && known->name == text->name)
      return bad_input(request.xml_path + " has the domain name of " + other.name.str(), "a <name> of its own");
  }
  Resource successor = old;
  successor.name = request.name;
  successor.uuid = text->uuid;
  successor.xml = text->xml;
  successor.cpu = text->cpu;
  successor.memory = text->memory;
  successor.replaced = ResourceName();
  successor.succession = Succession{old.name, request.prove, request.settle, request.timeout, wall_now()};
  return successor;
}

}  // namespace

tl::expected<void, Refusal> Applier::judge_replacements(const Present& present, const Spec& spec, bool dry_run,
                                                        std::vector<std::string>& warnings) {
  if (!present.stored.document) return {};
  const auto bar = [&](std::string what, std::string wanted) -> tl::expected<void, Refusal> {
    if (!dry_run) return refused(std::move(what), std::move(wanted));
    warnings.push_back(what + ": this is not applied before " + wanted);
    return {};
  };
  if (!present.replacing.empty())
    return bar(present.replacing, "`haven replace V --finish` or `haven replace V --back` has ended that");
  for (const Resource& resource : present.stored.document->spec->resources) {
    if (resource.replaced.empty() || spec.resource(resource.replaced) == nullptr) continue;
    const std::string path = path_of(*present.stored.document, resource.xml);
    return bar(resource.name.str() + " has replaced " + resource.replaced.str() + ", and the file still has " +
                   resource.replaced.str(),
               "name = \"" + resource.name.str() + "\" and domain = \"" + path + "\" stand in place of " +
                   resource.replaced.str() + "'s, and its name wherever else the file names it");
  }
  return {};
}

tl::expected<ApplyResult, Refusal> Applier::replace(const ReplaceRequest& request) {
  const std::lock_guard lock(one_at_a_time_);
  const auto now = present();
  if (!now) return tl::unexpected(now.error());
  if (!now->stored.document) return refused("nothing is applied yet", "haven apply FILE");
  std::string refusal;
  if (!runtime_.see(
          [&](const Runtime::Sight& sight) { refusal = replace_refusal(sight.node.view(), request.resource); }))
    return refused("havend has too much to do", "try again");
  if (!refusal.empty()) return refused(refusal, "a guest that runs, and that nothing else is replacing");
  const codec::SpecDocument& stored = *now->stored.document;
  if (stored.spec->resource(request.resource) == nullptr)
    return refused("the file was changed meanwhile", "look at `haven diff`, then try again");
  auto successor = successor_of(request, *stored.spec);
  if (!successor) return tl::unexpected(successor.error());
  ApplyRequest whole{stored.file_name, stored.text,         stored.domains, now->stored.mod,
                     request.dry_run,  request.unprotected, request.by};
  whole.domains[request.xml_path] = request.xml;
  return take(whole, spec_with_successor(*stored.spec, std::move(*successor)), *now);
}

tl::expected<ApplyResult, Refusal> Applier::end_replacement(const ResourceName& resource, const std::string& by) {
  const std::lock_guard lock(one_at_a_time_);
  const auto now = present();
  if (!now) return tl::unexpected(now.error());
  if (!now->stored.document) return refused("nothing is applied yet", "haven apply FILE");
  const codec::SpecDocument& stored = *now->stored.document;
  tl::expected<Spec, std::string> after = tl::unexpected(std::string("havend has too much to do"));
  (void)runtime_.see(
      [&](const Runtime::Sight& sight) { after = spec_after(sight.node.view(), *stored.spec, resource); });
  if (!after) return refused(after.error(), "haven status");
  ApplyRequest whole{stored.file_name, stored.text, stored.domains, now->stored.mod, false, false, by};
  for (const Resource& one : stored.spec->resources)
    if (one.succession && after->resource(one.name) == nullptr) whole.domains.erase(path_of(stored, one.xml));
  return take(whole, std::move(*after), *now);
}

}  // namespace haven::daemon
