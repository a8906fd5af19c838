using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>TLS towards a broker: AMQP, management API and streams, each strict unless told otherwise. Against a real broker, and against servers that a broker can't be.</summary>
public sealed class TlsMatrixTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Ways => ["amqp", "management", "stream"];

    [Fact]
    public async Task A_real_broker_with_an_authority_of_its_own_is_trusted_when_told_and_refused_else()
    {
        await TestBrokerOrSkipAsync();
        string tree = Path.Combine(Environment.GetEnvironmentVariable("RABBITMQ_TEST_ROOT") ?? Path.Combine(Path.GetTempPath(), "rabbitmq-brokers"), "sid");
        Assert.SkipUnless(Directory.Exists(tree), "the broker is not one of Debian's packages, whose files a test can reach");
        using TestAuthority authority = new(), other = new();
        using X509Certificate2 server = authority.Issue("CN=broker", "localhost"), operatorOf = authority.Issue("CN=backup-operator", null), strangerOf = other.Issue("CN=backup-operator", null);
        string name = $"tmp/rmqb-tls-{Guid.NewGuid():n}", folder = Path.Combine(tree, name);
        Directory.CreateDirectory(folder);
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "ca.pem"), authority.Certificate.ExportCertificatePem(), Cancel);
            await File.WriteAllTextAsync(Path.Combine(folder, "cert.pem"), server.ExportCertificatePem(), Cancel);
            using (RSA key = server.GetRSAPrivateKey()!)
            {
                await File.WriteAllTextAsync(Path.Combine(folder, "key.pem"), key.ExportPkcs8PrivateKeyPem(), Cancel);
            }

            (int amqps, int https, int streams) = (FreePort(), FreePort(), FreePort());
            string files = string.Concat(new[] { "ssl_options", "management.ssl" }.Select(section => $"{section}.cacertfile = /{name}/ca.pem\n{section}.certfile = /{name}/cert.pem\n{section}.keyfile = /{name}/key.pem\n"));
            await using OwnTestBroker broker = await TestBroker.StartOwnAsync("4.3", $"""
                listeners.ssl.1 = 127.0.0.1:{amqps}
                stream.listeners.ssl.1 = 127.0.0.1:{streams}
                management.ssl.ip = 127.0.0.1
                management.ssl.port = {https}
                ssl_options.verify = verify_peer
                ssl_options.fail_if_no_peer_cert = false
                ssl_cert_login_from = common_name
                auth_mechanisms.1 = PLAIN
                auth_mechanisms.2 = AMQPLAIN
                auth_mechanisms.3 = EXTERNAL
                {files}
                """);
            await broker.CtlAsync("rabbitmq-plugins", "enable", "rabbitmq_auth_mechanism_ssl");
            await broker.CtlAsync("rabbitmqctl", "add_user", "backup-operator", "not-used");
            await broker.CtlAsync("rabbitmqctl", "set_permissions", "backup-operator", "", "", ".*");
            BrokerOptions options = new()
            {
                Endpoints = [new DnsEndPoint("localhost", amqps)],
                ManagementUri = new Uri($"https://localhost:{https}"),
                StreamEndpoint = new DnsEndPoint("localhost", streams),
                Tls = new TlsOptions { CaCertificates = [authority.Certificate] },
            };

            foreach (string way in Ways.Select(row => row.Data))
            {
                await ConnectAsync(way, options);
                await ConnectAsync(way, options with { Tls = new TlsOptions { SkipCertificateCheck = true } });
                await RefusedAsync(way, options with { Tls = new TlsOptions() });
                await RefusedAsync(way, options with { Tls = new TlsOptions { CaCertificates = [other.Certificate] } });
                await RefusedAsync(way, options with
                {
                    Endpoints = [new DnsEndPoint("127.0.0.1", amqps)],
                    ManagementUri = new Uri($"https://127.0.0.1:{https}"),
                    StreamEndpoint = new DnsEndPoint("127.0.0.1", streams),
                });
            }

            foreach (string way in new[] { "amqp", "stream" })
            {
                BrokerOptions external = options with { Credential = new NetworkCredential("", "") };
                await ConnectAsync(way, external with { Tls = options.Tls with { ClientCertificate = operatorOf } });
                await RefusedAsync(way, external with { Tls = options.Tls with { ClientCertificate = strangerOf } });
                await RefusedAsync(way, external);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task An_expired_certificate_is_refused(string way)
    {
        using TestAuthority authority = new();
        using X509Certificate2 expired = authority.Issue("CN=broker", "localhost", expired: true), good = authority.Issue("CN=broker", "localhost");
        await RefusedByServerAsync(way, authority, new SslServerAuthenticationOptions { ServerCertificate = expired }, mustFail: true);

        // The same server with a good one gets as far as the handshake, so that it is the certificate that was refused.
        await RefusedByServerAsync(way, authority, new SslServerAuthenticationOptions { ServerCertificate = good }, mustFail: false);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_server_that_speaks_only_TLS_1_0_is_refused(string way)
    {
        using TestAuthority authority = new();
        using X509Certificate2 certificate = authority.Issue("CN=broker", "localhost");
#pragma warning disable SYSLIB0039, CA5397 // The protocol that is to be refused.
        SslServerAuthenticationOptions old = new() { ServerCertificate = certificate, EnabledSslProtocols = SslProtocols.Tls };
#pragma warning restore SYSLIB0039, CA5397
        await RefusedByServerAsync(way, authority, old, mustFail: true);
    }

    private static async Task ConnectAsync(string way, BrokerOptions options)
    {
        switch (way)
        {
            case "amqp":
                await using (await DataConnection.OpenAsync(options, "/", "tls test", TimeProvider.System, Cancel))
                {
                    return;
                }

            case "management":
                using (ManagementClient management = new(options))
                {
                    await management.GetOverviewAsync(Cancel);
                    return;
                }

            default:
                await using (await StreamConnection.OpenAsync(options, options.StreamEndpoint!, "/", cancellationToken: Cancel))
                {
                    return;
                }
        }
    }

    private static async Task RefusedAsync(string way, BrokerOptions options)
    {
        RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => ConnectAsync(way, options));
        Assert.True(refusal.Code is ErrorCode.BrokerUnreachable or ErrorCode.BrokerAuthenticationFailed or ErrorCode.BrokerConnectionLost or ErrorCode.ManagementApiUnavailable, $"{way}: {refusal}");
        Assert.NotNull(refusal.Target);
    }

    /// <summary>A server that only shakes hands: whether the client agreed to it is seen at the server's end.</summary>
    private static async Task RefusedByServerAsync(string way, TestAuthority authority, SslServerAuthenticationOptions tls, bool mustFail)
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        int received = 0;
        Task serving = Task.Run(
            async () =>
            {
                using Socket socket = await listener.AcceptSocketAsync(Cancel);
                await using SslStream stream = new(new NetworkStream(socket));
                await stream.AuthenticateAsServerAsync(tls, Cancel);
                received = await stream.ReadAsync(new byte[64], Cancel);
            },
            Cancel);
        BrokerOptions options = new()
        {
            Endpoints = [new DnsEndPoint("localhost", port)],
            ManagementUri = new Uri($"https://localhost:{port}"),
            StreamEndpoint = new DnsEndPoint("localhost", port),
            Tls = new TlsOptions { CaCertificates = [authority.Certificate] },
            ConnectTimeout = TimeSpan.FromSeconds(20),
            ManagementTimeout = TimeSpan.FromSeconds(20),
        };
        await Assert.ThrowsAsync<RabbitBackupException>(() => ConnectAsync(way, options));
        await serving.WaitAsync(TimeSpan.FromSeconds(30), Cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Nothing of ours, a password least of all, goes to a server whose certificate is not good.
        Assert.Equal(mustFail, received == 0);
    }

    private static async Task TestBrokerOrSkipAsync()
    {
        try
        {
            await TestBroker.GetAsync("4.3");
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
