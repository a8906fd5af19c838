using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>TLS and SASL against a scripted server.</summary>
public sealed class StreamSecurityTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_certificate_of_a_trusted_authority_is_accepted()
    {
        using X509Certificate2 authority = Authority("trusted");
        await using ScriptedStreamServer server = Server(Issue(authority, "localhost"));

        await using StreamConnection connection = await OpenAsync(server, new TlsOptions { CaCertificates = [authority] });

        Assert.Equal("4.3.6", connection.Features.Version);
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_refused_with_a_hint()
    {
        using X509Certificate2 authority = Authority("trusted");
        using X509Certificate2 other = Authority("other");
        await using ScriptedStreamServer server = Server(Issue(other, "localhost"));

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(server, new TlsOptions { CaCertificates = [authority] }));

        Assert.Equal((ErrorCode.BrokerUnreachable, false), (e.Code, e.IsTransient));
        Assert.Contains("-CaCertificate", e.Hint);
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_refused()
    {
        using X509Certificate2 authority = Authority("trusted");
        await using ScriptedStreamServer server = Server(Issue(authority, "elsewhere"));

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(server, new TlsOptions { CaCertificates = [authority] }));

        Assert.Equal(ErrorCode.BrokerUnreachable, e.Code);
    }

    [Fact]
    public async Task Any_certificate_is_accepted_where_the_check_is_skipped()
    {
        using X509Certificate2 other = Authority("other");
        await using ScriptedStreamServer server = Server(Issue(other, "elsewhere"));

        await using StreamConnection connection = await OpenAsync(server, new TlsOptions { SkipCertificateCheck = true });

        Assert.Equal("4.3.6", connection.Features.Version);
    }

    [Fact]
    public async Task A_client_certificate_without_a_user_means_EXTERNAL()
    {
        using X509Certificate2 authority = Authority("trusted");
        using X509Certificate2 client = Issue(authority, "backup-user");
        await using ScriptedStreamServer server = Server(Issue(authority, "localhost"), "EXTERNAL");

        await using StreamConnection connection = await OpenAsync(
            server, new TlsOptions { CaCertificates = [authority], ClientCertificate = client }, new NetworkCredential("", ""));

        Assert.Equal("CN=backup-user", server.ClientSubject);
        Assert.Equal([0, 8, .. "EXTERNAL"u8, 0, 0, 0, 0], server.SaslResponse);
    }

    [Fact]
    public async Task PLAIN_sends_user_and_password()
    {
        await using ScriptedStreamServer server = new(peer => peer.AnswerAsync(StreamCommand.Close, _ => { }));

        await using StreamConnection connection = await StreamConnection.OpenAsync(
            server.Options with { Credential = new NetworkCredential("us er", "päss") }, server.Endpoint, "/", cancellationToken: Cancelled);

        Assert.Equal("\0us er\0päss", Encoding.UTF8.GetString(server.SaslResponse.AsSpan(11)));
    }

    [Fact]
    public async Task A_mechanism_that_is_not_offered_is_named()
    {
        await using ScriptedStreamServer server = new(peer => peer.StaySilentAsync()) { Mechanism = "AMQPLAIN" };

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => server.ConnectAsync());

        Assert.Equal(ErrorCode.BrokerAuthenticationFailed, e.Code);
        Assert.Contains("does not offer SASL PLAIN, only AMQPLAIN", e.Message);
    }

    [Fact]
    public async Task TLS_towards_a_plain_listener_ends_in_an_error()
    {
        await using ScriptedStreamServer server = new(peer => peer.StaySilentAsync());

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(server, new TlsOptions { SkipCertificateCheck = true }));

        Assert.Equal(ErrorCode.BrokerUnreachable, e.Code);
    }

    [Fact]
    public async Task A_closed_port_is_unreachable_and_worth_another_try()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        DnsEndPoint endpoint = new("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
        listener.Stop();

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => StreamConnection.OpenAsync(new BrokerOptions(), endpoint, "/", cancellationToken: Cancelled));

        Assert.Equal((ErrorCode.BrokerUnreachable, true, $"127.0.0.1:{endpoint.Port}"), (e.Code, e.IsTransient, e.Target));
    }

    private static ScriptedStreamServer Server(X509Certificate2 certificate, string mechanism = "PLAIN") =>
        new(peer => peer.AnswerAsync(StreamCommand.Close, _ => { })) { Certificate = certificate, Mechanism = mechanism };

    private static Task<StreamConnection> OpenAsync(ScriptedStreamServer server, TlsOptions tls, NetworkCredential? credential = null) => StreamConnection.OpenAsync(
        server.Options with { Tls = tls, Credential = credential ?? new NetworkCredential("guest", "guest") },
        new DnsEndPoint("localhost", server.Endpoint.Port, AddressFamily.InterNetwork),
        "/",
        cancellationToken: Cancelled);

    private static X509Certificate2 Authority(string name)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string name)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 bare = request.Create(authority, DateTimeOffset.UtcNow.AddMinutes(-30), DateTimeOffset.UtcNow.AddMinutes(30), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = bare.CopyWithPrivateKey(key);

        // A key that exists in memory only can't be used by every platform's TLS.
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null);
    }
}
