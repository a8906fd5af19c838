using System.Text;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>Definitions for tests.</summary>
internal static class Json
{
    internal static DefinitionsDocument Document(string json) => DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(json), "test");

    internal static string[] Names(this IEnumerable<DefinitionObject> objects) => [.. objects.Select(item => item.ToString())];
}
