using System.Management.Automation;
using System.Net;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class ConnectionTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("amqp://host", "amqp://host:5672")]
    [InlineData("amqps://host", "amqps://host:5671")]
    [InlineData("AMQP://user:p%40ss@host:1234/%2F", "amqp://host:1234/%2F")]
    [InlineData("amqp://user:pass@host/", "amqp://host:5672")]
    [InlineData("amqp://[::1]:5673/prod", "amqp://[::1]:5673/prod")]
    [InlineData("amqp://a:1,b:2,c/prod", "amqp://a:1/prod")]
    public void Uri_is_understood(string uri, string shown) =>
        Assert.Equal(shown, _session.RunCleanly($"(New-RabbitConnection '{uri}').ToString()").Single().ToString());

    [Fact]
    public void All_hosts_are_kept_in_their_order() =>
        Assert.Equal(
            ["amqp://a:1", "amqp://b:5672", "amqp://c:3"],
            _session.RunCleanly("(New-RabbitConnection 'amqp://a:1,b', 'amqp://c:3').Uri").Select(uri => uri.ToString()));

    [Theory]
    [InlineData("'amqp://a:1,b'", "http://a:15672/ http://b:15672/ rabbitmq-stream://a:5552 rabbitmq-stream://b:5552")]
    [InlineData("'amqps://a,b'", "https://a:15671/ https://b:15671/ rabbitmq-stream+tls://a:5551 rabbitmq-stream+tls://b:5551")]
    [InlineData("amqp://a -ManagementUri http://x, http://y:1 -StreamUri rabbitmq-stream://s, rabbitmq-stream://t:2", "http://x/ http://y:1/ rabbitmq-stream://s:5552 rabbitmq-stream://t:2")]
    public void Management_API_and_streams_are_looked_for_on_each_host_unless_told_where(string arguments, string shown) =>
        Assert.Equal(shown, _session.RunCleanly($"$c = New-RabbitConnection {arguments}; \"$($c.ManagementUri) $($c.StreamUri)\"").Single().ToString());

    [Theory]
    [InlineData("http://host")]
    [InlineData("amqp://")]
    [InlineData("amqp://user:geheim@")]
    [InlineData("amqp://user:ge/heim@host")]
    [InlineData("amqp://user:ge@heim/x@host")]
    [InlineData("amqp://user:geheim")]
    [InlineData("amqp://user:geheim@host:0")]
    [InlineData("amqp://user:geheim@host/a/b")]
    [InlineData("amqp://user:geheim@host?heartbeat=5")]
    [InlineData("amqp://user:geheim@ho st")]
    public void Uri_that_is_none_is_refused_without_quoting_it(string uri)
    {
        SessionResult made = _session.Run($"New-RabbitConnection '{uri}'");
        Assert.Equal("InvalidArgument,RabbitMqBackup.Cmdlets.Commands.NewRabbitConnectionCommand", Assert.Single(made.Errors).FullyQualifiedErrorId);
        Assert.DoesNotContain(made.Everything, text => text.Contains("heim", StringComparison.Ordinal));
    }

    [Fact]
    public void No_property_shows_the_password()
    {
        _session.Set("Credential", new PSCredential("ops", new NetworkCredential("", "geheim2").SecurePassword));
        SessionResult result = _session.Run("New-RabbitConnection 'amqps://ops:geheim1@host/prod'; New-RabbitConnection 'amqps://ops:geheim1@host' -Credential $Credential");
        Assert.Equal(2, result.Output.Count);
        Assert.Equal("ops", result.Output[1].Properties["UserName"].Value);
        Assert.DoesNotContain(result.Everything, text => text.Contains("geheim", StringComparison.Ordinal));
    }

    [Fact]
    public void Table_shows_host_user_and_virtual_host()
    {
        _session.RunCleanly("New-RabbitConnection 'amqp://ops:geheim@host/prod' | Out-Default");
        Assert.Contains("amqp://host:5672", _session.Host.Shown, StringComparison.Ordinal);
        Assert.Contains("prod", _session.Host.Shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-SkipCertificateCheck", "amqps://")]
    [InlineData("-ManagementUri 'ftp://host'", "management URI")]
    [InlineData("-ManagementUri 'http://u:geheim@host'", "-Credential")]
    [InlineData("-StreamUri 'amqp://host'", "rabbitmq-stream://")]
    public void Parameters_that_do_not_fit_are_refused_with_the_remedy(string parameters, string remedy)
    {
        SessionResult made = _session.Run($"New-RabbitConnection amqp://host {parameters}");
        Assert.Contains(remedy, Assert.Single(made.Errors).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(made.Everything, text => text.Contains("geheim", StringComparison.Ordinal));
    }

    [Fact]
    public void A_certificate_file_that_is_not_there_is_named()
    {
        ErrorRecord error = Assert.Single(_session.Run("New-RabbitConnection amqps://host -CaCertificate ./no-such.pem").Errors);
        Assert.Contains("no-such.pem", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Authorities_are_read_from_a_PEM_file()
    {
        using System.Security.Cryptography.RSA key = System.Security.Cryptography.RSA.Create(2048);
        System.Security.Cryptography.X509Certificates.CertificateRequest request = new(
            "CN=Test authority", key, System.Security.Cryptography.HashAlgorithmName.SHA256, System.Security.Cryptography.RSASignaturePadding.Pkcs1);
        using System.Security.Cryptography.X509Certificates.X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pem");
        File.WriteAllText(path, certificate.ExportCertificatePem() + "\n" + certificate.ExportCertificatePem());
        try
        {
            _session.Set("Path", path);
            Assert.Equal(["CN=Test authority", "CN=Test authority"], _session.RunCleanly("(New-RabbitConnection amqps://host -CaCertificate $Path).CaCertificate").Select(subject => subject.ToString()));
            File.AppendAllText(path, "\n" + key.ExportPkcs8PrivateKeyPem());
            Assert.Equal("CN=Test authority", _session.RunCleanly("(New-RabbitConnection amqps://host -ClientCertificate $Path).ClientCertificate").Single().ToString());
        }
        finally
        {
            File.Delete(path);
        }
    }
}
