using System.Management.Automation;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Lets a certificate parameter take paths of files where certificates are wanted.</summary>
internal sealed class CertificateTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>The certificate must come with its private key. Default false.</summary>
    public bool WithKey { get; set; }

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is not string and not FileSystemInfo and not object[])
        {
            return inputData;
        }

        List<X509Certificate2> certificates = [];
        foreach (object item in value as object[] ?? [value])
        {
            object plain = item is PSObject inner ? inner.BaseObject : item;
            if (plain is X509Certificate2 certificate)
            {
                certificates.Add(certificate);
            }
            else
            {
                certificates.AddRange(Load(plain.ToString() ?? "", engineIntrinsics.SessionState.Path));
            }
        }

        return WithKey && certificates.Count == 1 ? certificates[0] : certificates.ToArray();
    }

    private X509Certificate2Collection Load(string text, PathIntrinsics paths)
    {
        string path = text;
        try
        {
            path = FilePath.Full(text, paths);
            X509Certificate2Collection loaded = [];
            if (!WithKey)
            {
                // Reads PEM with any number of certificates, and DER with one.
                loaded.ImportFromPemFile(path);
                return loaded.Count > 0 ? loaded : [new X509Certificate2(path)];
            }

            bool pem = File.ReadAllText(path).Contains("-----BEGIN", StringComparison.Ordinal);

            // Windows can't use a key that was read from PEM for TLS before it went through PFX.
            return [pem ? new X509Certificate2(X509Certificate2.CreateFromPemFile(path).Export(X509ContentType.Pfx)) : new X509Certificate2(path)];
        }
        catch (ArgumentException mistake)
        {
            throw new ArgumentTransformationMetadataException(ErrorRecords.Message(mistake), mistake);
        }
        catch (Exception failure) when (failure is CryptographicException or IOException or UnauthorizedAccessException)
        {
            string what = WithKey ? "a certificate with its key (for a protected PFX file use Get-PfxCertificate)" : "a certificate";
            throw new ArgumentTransformationMetadataException($"'{path}' can't be read as {what}: {failure.Message}", failure);
        }
    }
}
