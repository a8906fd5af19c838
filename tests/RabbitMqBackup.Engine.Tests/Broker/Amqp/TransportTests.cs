using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

/// <summary>TLS towards the broker, with an authority made for the test.</summary>
public sealed class TransportTests : IDisposable
{
    private readonly X509Certificate2 _authority = MakeAuthority();
    private readonly X509Certificate2 _server;
    private readonly X509Certificate2 _client;

    public TransportTests()
    {
        _server = MakeCertificate(_authority, "CN=broker", "localhost");
        _client = MakeCertificate(_authority, "CN=backup-operator", null);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _authority.Dispose();
        _server.Dispose();
        _client.Dispose();
    }

    [Fact]
    public async Task A_certificate_of_an_unknown_authority_is_refused_by_default()
    {
        await using ScriptedBroker broker = StartBroker();
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(broker, new TlsOptions()));
        Assert.Equal((ErrorCode.BrokerUnreachable, false), (error.Code, error.IsTransient));
        Assert.StartsWith("amqps://", error.Target, StringComparison.Ordinal);
        Assert.Contains("-CaCertificate", error.Hint);
    }

    [Fact]
    public async Task An_authority_of_ones_own_is_trusted()
    {
        await using ScriptedBroker broker = StartBroker();
        await OpenAsync(broker, new TlsOptions { CaCertificates = [_authority] });
    }

    [Fact]
    public async Task An_authority_of_ones_own_replaces_the_others()
    {
        using X509Certificate2 other = MakeAuthority();
        await using ScriptedBroker broker = StartBroker();
        await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(broker, new TlsOptions { CaCertificates = [other] }));
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_refused_though_its_authority_is_trusted()
    {
        await using ScriptedBroker broker = StartBroker();
        BrokerOptions options = broker.Options with { Endpoints = [new DnsEndPoint("127.0.0.1", broker.Options.Endpoints[0].Port)] };
        await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(options, new TlsOptions { CaCertificates = [_authority] }));
    }

    [Fact]
    public async Task Any_certificate_is_taken_when_told_so()
    {
        await using ScriptedBroker broker = StartBroker();
        await OpenAsync(broker, new TlsOptions { SkipCertificateCheck = true });
    }

    [Fact]
    public async Task A_client_certificate_without_a_user_name_logs_in_with_external()
    {
        TaskCompletionSource<string> startOk = new();
        await using ScriptedBroker broker = StartBroker(startOk, askForCertificate: true);
        await OpenAsync(
            broker.Options with { Credential = new NetworkCredential("", "") }, new TlsOptions { CaCertificates = [_authority], ClientCertificate = _client });
        string arguments = await startOk.Task;
        Assert.Contains("\u0008EXTERNAL\0\0\0\0", arguments);
        Assert.DoesNotContain("PLAIN", arguments);
    }

    [Fact]
    public async Task A_port_without_tls_is_named()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.SendAsync("AMQP\0\0\t\u0001"u8.ToArray());
            await peer.HangAsync();
        });
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(broker, new TlsOptions()));
        Assert.Equal(ErrorCode.BrokerUnreachable, error.Code);
        Assert.NotNull(error.Hint);
    }

    private static Task OpenAsync(ScriptedBroker broker, TlsOptions tls) => OpenAsync(broker.Options, tls);

    private static async Task OpenAsync(BrokerOptions options, TlsOptions tls)
    {
        await using DataConnection connection = await DataConnection.OpenAsync(options with { Tls = tls }, "/", "test", TimeProvider.System, Cancellation);
    }

    private ScriptedBroker StartBroker(TaskCompletionSource<string>? startOk = null, bool askForCertificate = false) => ScriptedBroker.Start(
        async peer =>
        {
            startOk?.SetResult(Encoding.Latin1.GetString(await peer.StartAsync()));
            if (startOk is null)
            {
                await peer.StartAsync();
            }

            await peer.SendAsync(Wire.Method(0, 10, 30, Wire.U16(2047), Wire.U32(131_072), Wire.U16(0)));
            await peer.ExpectAsync(MethodId.ConnectionTuneOk);
            await peer.ExpectAsync(MethodId.ConnectionOpen);
            await peer.SendAsync(Wire.Method(0, 10, 41, Wire.Short("")));
            await peer.CloseAsync();
        },
        new SslServerAuthenticationOptions
        {
            ServerCertificate = _server,
            ClientCertificateRequired = askForCertificate,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => !askForCertificate || certificate is not null,
        });

    private static X509Certificate2 MakeAuthority()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static X509Certificate2 MakeCertificate(X509Certificate2 authority, string subject, string? host)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256);
        if (host is not null)
        {
            SubjectAlternativeNameBuilder names = new();
            names.AddDnsName(host);
            request.CertificateExtensions.Add(names.Build());
        }

        using X509Certificate2 certificate = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = certificate.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null);
    }
}
