using RabbitMqBackup.Engine.Backup;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Architecture;

public sealed class LayerTests
{
    private const string SampleRoot = "RabbitMqBackup.Engine.Tests.Architecture.Samples";

    private static readonly Lazy<IReadOnlyList<string>> SampleViolations =
        new(() => Layers.Violations(TypeUseReader.Read(typeof(LayerTests).Assembly.Location), SampleRoot));

    [Fact]
    public void Engine_keeps_the_layers()
    {
        IReadOnlyList<string> violations = Layers.Violations(TypeUseReader.Read(typeof(BackupEngine).Assembly.Location), "RabbitMqBackup.Engine");
        Assert.True(violations.Count == 0, string.Join(Environment.NewLine, violations));
    }

    [Theory]
    [InlineData("ByBase")]
    [InlineData("ByInterface")]
    [InlineData("ByField")]
    [InlineData("ByTypeArgument")]
    [InlineData("ByConstraint`1")]
    [InlineData("ByParameter")]
    [InlineData("ByAsyncLambda")]
    [InlineData("ByTypeTest")]
    [InlineData("ByTypeOf")]
    [InlineData("ByCatch")]
    [InlineData("ByAttribute")]
    [InlineData("ByNestedType")]
    [InlineData("ByLibrary")]
    public void A_forbidden_use_is_seen(string type) =>
        Assert.Contains(SampleViolations.Value, violation => violation.StartsWith($"{SampleRoot}.Format.{type}", StringComparison.Ordinal));

    [Fact]
    public void A_folder_without_a_rule_is_a_violation() =>
        Assert.Contains(SampleViolations.Value, violation => violation.Contains("Unheard is a folder without a rule", StringComparison.Ordinal));

    [Fact]
    public void An_allowed_use_is_no_violation() =>
        Assert.DoesNotContain(SampleViolations.Value, violation => violation.StartsWith($"{SampleRoot}.Broker.", StringComparison.Ordinal));
}
