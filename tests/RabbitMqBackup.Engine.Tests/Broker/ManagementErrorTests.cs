using System.Text;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class ManagementErrorTests
{
    [Fact]
    public void Code_and_reason_are_taken_from_the_brokers_json() =>
        Assert.Equal(new ManagementError("bad_request", "Validation failed -1 is not valid"), Parse("""{"error":"bad_request","reason":"Validation failed\n\n-1 is not valid\n"}"""));

    [Theory]
    [InlineData("""["amqp_error","command_invalid",[117,110,107,110,111,119,110,32,116,121,112,101,32,39,252,39],"none"]""", "command_invalid: unknown type 'ü'")]
    [InlineData("""["no_such_vhost","nohost"]""", "no_such_vhost: nohost")]
    [InlineData("\"<<\\\"Validation failed\\\\n\\\\ncomponent x not found\\\\n (a/b)\\\">>\"", "Validation failed component x not found (a/b)")]
    [InlineData("[]", "")]
    public void Erlangs_terms_become_readable(string reason, string expected) => Assert.Equal(expected, Parse($$"""{"error":"bad_request","reason":{{reason}}}""").Reason);

    [Fact]
    public void A_password_in_a_uri_is_not_repeated() =>
        Assert.Equal("cannot parse amqp://***@host/", Parse("""{"error":"bad_request","reason":"cannot parse amqp://user:pass@host/"}""").Reason);

    [Theory]
    [InlineData("<html>502</html>")]
    [InlineData("")]
    [InlineData("[1]")]
    public void What_is_not_the_brokers_json_gives_no_reason(string body) => Assert.Equal(new ManagementError("", "no reason given"), Parse(body));

    [Fact]
    public void A_long_reason_is_cut() => Assert.True(Parse($$"""{"reason":"{{new string('x', 5000)}}"}""").Reason.Length < 600);

    private static ManagementError Parse(string body) => ManagementError.Parse(Encoding.UTF8.GetBytes(body));
}
