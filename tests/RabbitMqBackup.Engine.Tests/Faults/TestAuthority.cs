using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>An authority made for a test, and certificates of it.</summary>
internal sealed class TestAuthority : IDisposable
{
    internal TestAuthority()
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new("CN=test authority", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        Certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
    }

    internal X509Certificate2 Certificate { get; }

    /// <summary>A certificate with its key.</summary>
    /// <param name="subject">E.g. <c>CN=broker</c>.</param>
    /// <param name="host">The server's name, or null for a client.</param>
    /// <param name="expired">Its time is over.</param>
    internal X509Certificate2 Issue(string subject, string? host, bool expired = false)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(host is null ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1")], critical: false));
        if (host is not null)
        {
            SubjectAlternativeNameBuilder names = new();
            names.AddDnsName(host);
            request.CertificateExtensions.Add(names.Build());
        }

        DateTimeOffset end = expired ? DateTimeOffset.UtcNow.AddDays(-1) : DateTimeOffset.UtcNow.AddDays(1);
        using X509Certificate2 certificate = request.Create(Certificate, end.AddDays(-10), end, RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = certificate.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null, X509KeyStorageFlags.Exportable);
    }

    public void Dispose() => Certificate.Dispose();
}
