// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/certificates.h"

#include "tests/simulator/random_text.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <vector>

namespace raxauth::simulator {

namespace {

template <auto release>
struct Release {
    template <typename Handle>
    void operator()(Handle* handle) const {
        release(handle);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Release<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Release<BIO_free_all>>;

constexpr long kDay = 24L * 3600;
constexpr const char* kServerNames =
    "DNS:localhost,DNS:identity.test,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";

[[noreturn]] void refuse(const char* what) {
    throw std::runtime_error(std::string(what) + ": " + ERR_error_string(ERR_get_error(), nullptr));
}

struct Identified {
    Key key;
    Certificate certificate;
};

void add_extension(X509& certificate, X509& issuer, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
    if (!extension || X509_add_ext(&certificate, extension.get(), -1) != 1) {
        refuse("certificate extension");
    }
}

void set_serial(X509& certificate) {
    const std::string bytes = random_bytes(15);
    const std::unique_ptr<BIGNUM, Release<BN_free>> number(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()), nullptr));
    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate));
}

/// `authority` null: a self-signed authority; otherwise a server named `names`.
Identified make(const char* common_name, const char* names, long ends_in,
                const Identified* authority) {
    Identified made{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
    if (!made.key || !made.certificate) {
        refuse("certificate");
    }
    X509& certificate = *made.certificate;
    X509_set_version(&certificate, X509_VERSION_3);
    set_serial(certificate);
    X509_gmtime_adj(X509_getm_notBefore(&certificate), -30 * kDay);
    X509_gmtime_adj(X509_getm_notAfter(&certificate), ends_in);
    X509_set_pubkey(&certificate, made.key.get());
    X509_NAME* subject = X509_get_subject_name(&certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    X509& issuer = authority == nullptr ? certificate : *authority->certificate;
    X509_set_issuer_name(&certificate, X509_get_subject_name(&issuer));
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
    if (authority == nullptr) {
        add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
        add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth");
        add_extension(certificate, issuer, NID_subject_alt_name, names);
    }
    EVP_PKEY* signer = authority == nullptr ? made.key.get() : authority->key.get();
    if (X509_sign(&certificate, signer, EVP_sha256()) == 0) {
        refuse("signing");
    }
    return made;
}

void write_file(const std::filesystem::path& path, const std::string& text, bool is_private) {
    // Written aside and moved, so that two simulators started at once see whole files.
    const std::filesystem::path aside = path.string() + "." + random_hex(8);
    {
        std::ofstream file(aside, std::ios::binary);
        if (is_private) {
            std::filesystem::permissions(aside, std::filesystem::perms::owner_read |
                                                    std::filesystem::perms::owner_write);
        }
        file << text;
        if (!file.flush()) {
            throw std::runtime_error("cannot write " + aside.string());
        }
    }
    std::filesystem::rename(aside, path);
}

std::string text_of(const Bio& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string pem(X509& certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(bio.get(), &certificate) != 1) {
        refuse("PEM");
    }
    return text_of(bio);
}

std::string pem(EVP_PKEY& key) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        refuse("PEM");
    }
    return text_of(bio);
}

std::string pin_of(EVP_PKEY& key) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(&key, &der);
    if (size <= 0) {
        refuse("public key");
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), &length, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    std::array<unsigned char, 64> text{};
    EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(length));
    return std::string("sha256//") + reinterpret_cast<const char*>(text.data());
}

} // namespace

void make_certificates(const std::string& directory) {
    namespace fs = std::filesystem;
    const fs::path base(directory);
    fs::create_directories(base);
    const std::vector<std::string> files{"ca.pem",         "foreign-ca.pem", "server.pem",
                                         "server.key",     "foreign.pem",    "foreign.key",
                                         "wrong-host.pem", "wrong-host.key", "expired.pem",
                                         "expired.key",    "server.pin"};
    if (std::all_of(files.begin(), files.end(),
                    [&](const std::string& file) { return fs::exists(base / file); })) {
        return;
    }
    const Identified ca = make("raxauth simulator CA", nullptr, 3650 * kDay, nullptr);
    const Identified foreign_ca = make("a CA nobody trusts", nullptr, 3650 * kDay, nullptr);
    const auto write_server = [&](const std::string& name, const Identified& made) {
        write_file(base / (name + ".key"), pem(*made.key), true);
        write_file(base / (name + ".pem"), pem(*made.certificate), false);
    };
    const Identified server = make("identity.test", kServerNames, 800 * kDay, &ca);
    write_file(base / "ca.pem", pem(*ca.certificate), false);
    write_file(base / "foreign-ca.pem", pem(*foreign_ca.certificate), false);
    write_server("server", server);
    write_server("foreign", make("identity.test", kServerNames, 800 * kDay, &foreign_ca));
    write_server("wrong-host", make("wrong.example", "DNS:wrong.example", 800 * kDay, &ca));
    write_server("expired", make("identity.test", kServerNames, -kDay, &ca));
    write_file(base / "server.pin", pin_of(*server.key) + "\n", false);
}

} // namespace raxauth::simulator
