#include "file/cluster_file.hpp"

#include <filesystem>

#include "file/draft.hpp"

namespace haven::file {
namespace {

std::string path_of(const std::string& cluster_file, const std::string& domain) {
  const std::filesystem::path path(domain);
  return path.is_absolute() ? domain : (std::filesystem::path(cluster_file).parent_path() / path).string();
}

void take_sizes(VmDraft& vm, const DomainText& text) {
  if (!vm.cpu_given) vm.resource.cpu = text.cpu;
  if (!vm.memory_given) vm.resource.memory = text.memory;
}

void require_sizes(const VmDraft& vm, Problems& problems) {
  const std::string missing = vm.domain ? " is missing in [[vm]] and in its domain XML" : " is missing in [[vm]]";
  if (!vm.cpu_given && vm.resource.cpu.count == 0) problems.add(vm.cpu_at, "cpu" + missing, "cpu = 2");
  if (!vm.memory_given && vm.resource.memory.count == 0)
    problems.add(vm.memory_at, "memory" + missing, "memory = \"2GiB\"");
}

}  // namespace

void read_domains(Draft& draft, Purpose purpose, const ReadDomain& read_domain, Problems& problems) {
  std::map<std::string, std::string> owner_of_uuid;
  for (VmDraft& vm : draft.vms) {
    Resource& r = vm.resource;
    if (!vm.domain) {
      // For apply its absence was an error already.
      if (purpose == Purpose::simulate) require_sizes(vm, problems);
      continue;
    }
    if (purpose == Purpose::simulate && vm.cpu_given && vm.memory_given) continue;
    const std::string path = path_of(problems.file(), vm.domain->value);
    const auto text = read_domain(path);
    if (!text) {
      problems.add(vm.domain->at, "domain " + in_quotes(path) + ": " + text.error(),
                   purpose == Purpose::apply
                       ? "a readable libvirt domain XML file, as `virsh dumpxml --inactive` writes it"
                       : "cpu and memory given here, or a readable libvirt domain XML file");
      continue;
    }
    take_sizes(vm, *text);
    require_sizes(vm, problems);
    if (purpose == Purpose::simulate) continue;
    r.xml = text->xml;
    r.uuid = text->uuid;
    r.container = text->container;
    check_health(vm, *text, problems);
    if (r.uuid.empty()) {
      problems.add(vm.domain->at, "domain " + in_quotes(path) + " has no uuid",
                   "<uuid>…</uuid> in the XML, as `virsh dumpxml` writes it");
      continue;
    }
    const auto [other, is_new] = owner_of_uuid.emplace(r.uuid, r.name.str());
    if (!is_new) {
      problems.add(vm.domain->at, "domain " + in_quotes(path) + " has the uuid of " + other->second,
                   "one domain, with a uuid of its own, for each [[vm]]");
    }
  }
}

tl::expected<Spec, std::vector<FileError>> parse_cluster(std::string_view text, const std::string& file_name,
                                                         Purpose purpose, const ReadDomain& read_domain,
                                                         const std::vector<Host>& measured) {
  Problems problems(file_name);
  const std::optional<toml::table> root = parse_toml(text, problems);
  if (!root) return tl::make_unexpected(problems.in_order());
  Draft draft = read_draft(*root, purpose, problems);
  read_domains(draft, purpose, read_domain, problems);
  check_names(draft, problems);
  check_hosts(draft, problems);
  check_placement(draft, problems);
  check_fencing(draft, problems);
  Expanded expanded = expand(draft, purpose);
  check_rules(draft, expanded, problems);
  if (problems.empty()) check_contradictions(draft, expanded, measured, problems);
  if (!problems.empty()) return tl::make_unexpected(problems.in_order());
  return std::move(expanded.spec);
}

void fill_capacities(Spec& spec, const std::vector<Host>& measured) {
  for (Host& host : spec.hosts) {
    for (const Host& reported : measured) {
      if (reported.name != host.name) continue;
      if (host.cpu.count == 0) host.cpu = reported.cpu;
      if (host.memory.count == 0) host.memory = reported.memory;
    }
  }
}

}  // namespace haven::file
