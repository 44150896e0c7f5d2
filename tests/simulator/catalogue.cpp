// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/catalogue.h"

#include <fmt/args.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <sstream>
#include <string_view>

namespace raxauth::simulator {

namespace {

using nlohmann::ordered_json;

/// {t} tenant, {r} region in lower case, {n} the region's host number.
struct Service {
    const char* name;
    const char* type;
    const char* regions; ///< blank-separated; "-" is an endpoint without a region
    const char* public_url;
    const char* internal_url;
    const char* version_root; ///< set for compute: the endpoint then carries version fields
    const char* version_id;
};

constexpr const char* kFilesTenant = "MossoCloudFS_9c24e3db-52bf-4f26-8dc1-220871796e9f";

constexpr std::array kServices{
    Service{"cloudBlockStorage", "volume", "SYD DFW IAD HKG",
            "https://{r}.blockstorage.api.rackspacecloud.com/v1/{t}", "", "", ""},
    Service{"cloudImages", "image", "IAD HKG DFW SYD",
            "https://{r}.images.api.rackspacecloud.com/v2", "", "", ""},
    Service{"cloudQueues", "rax:queues", "HKG SYD DFW IAD",
            "https://{r}.queues.api.rackspacecloud.com/v1/{t}",
            "https://snet-{r}.queues.api.rackspacecloud.com/v1/{t}", "", ""},
    Service{"cloudBigData", "rax:bigdata", "IAD DFW",
            "https://{r}.bigdata.api.rackspacecloud.com/v1.0/{t}", "", "", ""},
    Service{"cloudOrchestration", "orchestration", "HKG DFW IAD SYD",
            "https://{r}.orchestration.api.rackspacecloud.com/v1/{t}", "", "", ""},
    Service{"cloudServersOpenStack", "compute", "SYD DFW IAD HKG",
            "https://{r}.servers.api.rackspacecloud.com/v2/{t}", "",
            "https://{r}.servers.api.rackspacecloud.com/", "2"},
    Service{"autoscale", "rax:autoscale", "DFW HKG IAD SYD",
            "https://{r}.autoscale.api.rackspacecloud.com/v1.0/{t}", "", "", ""},
    Service{"cloudDatabases", "rax:database", "SYD DFW HKG",
            "https://{r}.databases.api.rackspacecloud.com/v1.0/{t}", "", "", ""},
    Service{"cloudBackup", "rax:backup", "IAD HKG SYD DFW",
            "https://{r}.backup.api.rackspacecloud.com/v1.0/{t}", "", "", ""},
    Service{"cloudNetworks", "network", "IAD LON SYD DFW HKG",
            "https://{r}.networks.api.rackspacecloud.com/v2.0", "", "", ""},
    Service{"cloudMetrics", "rax:cloudmetrics", "IAD",
            "https://global.metrics.api.rackspacecloud.com/v2.0/{t}", "", "", ""},
    Service{"cloudLoadBalancers", "rax:load-balancer", "SYD IAD HKG DFW",
            "https://{r}.loadbalancers.api.rackspacecloud.com/v1.0/{t}", "", "", ""},
    Service{"cloudFeeds", "rax:feeds", "HKG SYD IAD DFW",
            "https://{r}.feeds.api.rackspacecloud.com/{t}",
            "https://atom.prod.{r}{n}.us.ci.rackspace.net/{t}", "", ""},
    Service{"cloudMonitoring", "rax:monitor", "-",
            "https://monitoring.api.rackspacecloud.com/v1.0/{t}", "", "", ""},
    Service{"cloudDNS", "rax:dns", "-", "https://dns.api.rackspacecloud.com/v1.0/{t}", "", "", ""},
    Service{"cloudServers", "compute", "-", "https://servers.api.rackspacecloud.com/v1.0/{t}", "",
            "https://servers.api.rackspacecloud.com/", "1.0"},
    Service{"rackCDN", "rax:cdn", "DFW", "https://global.cdn.api.rackspacecloud.com/v1.0/{t}",
            "https://global.cdn.api.rackspacecloud.com/v1.0/{t}", "", ""},
    Service{"cloudFilesCDN", "rax:object-cdn", "DFW SYD HKG IAD",
            "https://cdn{c}.clouddrive.com/v1/{t}", "", "", ""},
    Service{"cloudFiles", "object-store", "DFW SYD IAD HKG",
            "https://storage101.{r}{n}.clouddrive.com/v1/{t}",
            "https://snet-storage101.{r}{n}.clouddrive.com/v1/{t}", "", ""},
};

struct Region {
    std::string_view name;
    int host_number;
    int cdn_number;
};

constexpr std::array kRegions{Region{"DFW", 1, 1}, Region{"SYD", 2, 4}, Region{"IAD", 3, 5},
                              Region{"HKG", 1, 6}, Region{"LON", 3, 3}};

std::string expand(const char* pattern, const std::string& region, const std::string& tenant) {
    const auto* known = std::find_if(kRegions.begin(), kRegions.end(),
                                     [&](const Region& each) { return each.name == region; });
    std::string lower = region;
    for (char& letter : lower) {
        letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    fmt::dynamic_format_arg_store<fmt::format_context> values;
    values.push_back(fmt::arg("t", tenant));
    values.push_back(fmt::arg("r", lower));
    values.push_back(fmt::arg("n", known == kRegions.end() ? 0 : known->host_number));
    values.push_back(fmt::arg("c", known == kRegions.end() ? 0 : known->cdn_number));
    return fmt::vformat(pattern, values);
}

ordered_json endpoint(const Service& service, const std::string& region,
                      const std::string& account) {
    const bool files = std::string_view(service.name).starts_with("cloudFiles");
    const std::string tenant = files ? kFilesTenant : account;
    ordered_json one = ordered_json::object();
    if (region != "-") {
        one["region"] = region;
    }
    one["tenantId"] = tenant;
    one["publicURL"] = expand(service.public_url, region, tenant);
    if (*service.internal_url != '\0') {
        one["internalURL"] = expand(service.internal_url, region, tenant);
    }
    if (*service.version_id != '\0') {
        const std::string root = expand(service.version_root, region, tenant);
        const bool first_generation = std::string_view(service.version_id) == "1.0";
        one["versionInfo"] = root + (first_generation ? "v1.0" : "v2");
        one["versionList"] = root;
        one["versionId"] = service.version_id;
    }
    return one;
}

ordered_json endpoints_of(const Service& service, const std::string& tenant) {
    ordered_json all = ordered_json::array();
    std::istringstream regions(service.regions);
    for (std::string region; regions >> region;) {
        all.push_back(endpoint(service, region, tenant));
    }
    return all;
}

} // namespace

std::string catalogue_text(const std::string& tenant, std::int64_t copies) {
    // Made once per tenant: it is ten kilobytes, and a load test asks for it thousands of times.
    static std::mutex mutex;
    static std::map<std::pair<std::string, std::int64_t>, std::string> made;
    const std::scoped_lock lock(mutex);
    std::string& text = made[{tenant, copies}];
    if (text.empty()) {
        ordered_json all = ordered_json::array();
        for (std::int64_t copy = 0; copy < copies; ++copy) {
            for (const Service& service : kServices) {
                all.push_back({{"name", service.name},
                               {"endpoints", endpoints_of(service, tenant)},
                               {"type", service.type}});
            }
        }
        text = all.dump();
    }
    return text;
}

std::string endpoints_text(const std::string& tenant) {
    ordered_json all = ordered_json::array();
    int id = 0;
    for (const Service& service : kServices) {
        for (auto& one : endpoints_of(service, tenant)) {
            one["id"] = ++id;
            one["name"] = service.name;
            one["type"] = service.type;
            all.push_back(std::move(one));
        }
    }
    return ordered_json{{"endpoints", std::move(all)}, {"endpoints_links", ordered_json::array()}}
        .dump();
}

} // namespace raxauth::simulator
